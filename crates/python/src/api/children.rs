//! `_watch_child`, the loop's part in `subprocess_exec` and `subprocess_shell`. The rest of those is
//! `python/asyncioxide/_process.py`.

use crate::event_loop::core::EventLoopData;
use crate::py::args::exactly;
use crate::py::instance::Ref;
use crate::py::slots::TypeBuilder;
use crate::transport::child;

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"_watch_child",
        c"_watch_child($self, pid, callback)\n--\n\nCall callback() when the child process has ended.",
        |this, args| {
            let [pid, callback] = exactly(
                this.py(),
                "EventLoop._watch_child",
                ["pid", "callback"],
                args,
            )?;
            child::start(this.upcast(), child::pid_of(pid)?, callback).map(Ref::into_obj)
        },
    )
}
