//! What differs between releases of asyncio's `TaskGroup`, bugfix releases among them: read off the running Python's code.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::py::imports;

/// `CO_VARKEYWORDS`: a function that takes any keyword.
const TAKES_ANY_KEYWORD: u32 = 0x8;

/// The differences.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// A subclass of CancelledError counts as one (gh-113848).
    pub knows_subclasses: bool,
    /// The request to cancel the parent is taken back after the tasks have ended, and a cancellation from outside is
    /// not lost beside errors (gh-116720).
    pub uncancels_late: bool,
    /// A coroutine that gets no task is closed (gh-115957).
    pub closes_refused: bool,
    /// The name is set on the task that `loop.create_task` gave.
    pub names_afterwards: bool,
    /// `create_task` takes any keyword.
    pub passes_keywords_on: bool,
    /// A task that is done when it joins is dealt with at once (until gh-128550).
    pub calls_back_at_once: bool,
    /// A task that joins a group which its own eager start has cancelled is cancelled (gh-155418).
    pub cancels_late_members: bool,
    /// What could be part of a cycle is let go of on leaving (gh-124958).
    pub lets_go: bool,
    /// A lone GeneratorExit of the block is raised as it is.
    pub passes_generator_exit: bool,
    /// A cancellation that came while the tasks were ending is not lost (gh-155433).
    pub keeps_late_cancellation: bool,
    /// There is `TaskGroup.cancel()`.
    pub can_be_cancelled: bool,
}

impl Dialect {
    /// The running Python's.
    pub fn current(py: Python<'_>) -> Self {
        static CURRENT: PyOnceLock<Dialect> = PyOnceLock::new();
        *CURRENT.get_or_init(py, || Self::read(py).unwrap_or(Self::NEWEST))
    }

    /// What is right where the code cannot be read.
    const NEWEST: Self = Self {
        knows_subclasses: true,
        uncancels_late: true,
        closes_refused: true,
        names_afterwards: false,
        passes_keywords_on: true,
        calls_back_at_once: false,
        cancels_late_members: true,
        lets_go: true,
        passes_generator_exit: true,
        keeps_late_cancellation: true,
        can_be_cancelled: true,
    };

    fn read(py: Python<'_>) -> PyResult<Self> {
        let class = imports::taskgroups(py).bind().getattr("TaskGroup")?;
        let lets_go = class.hasattr("_aexit")?;
        let exit = class
            .getattr(if lets_go { "_aexit" } else { "__aexit__" })?
            .getattr("__code__")?;
        let create = class.getattr("create_task")?.getattr("__code__")?;
        let exit_names = exit.getattr("co_names")?;
        let create_names = create.getattr("co_names")?;
        let create_flags: u32 = create.getattr("co_flags")?.extract()?;
        let cancels_late_members = create_names.contains("cancel")?;
        Ok(Self {
            knows_subclasses: exit_names.contains("issubclass")?,
            uncancels_late: exit_names.contains("cancelling")?,
            closes_refused: create_names.contains("close")?,
            names_afterwards: create_names.contains("_set_task_name")?,
            passes_keywords_on: create_flags & TAKES_ANY_KEYWORD != 0,
            calls_back_at_once: create_names.contains("done")? && !cancels_late_members,
            cancels_late_members,
            lets_go,
            passes_generator_exit: exit_names.contains("GeneratorExit")?,
            keeps_late_cancellation: exit
                .getattr("co_varnames")?
                .contains("pending_cancellation_error")?,
            can_be_cancelled: class.hasattr("cancel")?,
        })
    }
}
