//! Every Python name that Rust uses, looked up once. Nothing else in this crate imports a module.
//!
//! Names of stdlib modules that programs patch in order to see it (`socket.getaddrinfo`) are not kept here as values: the
//! module is, and the attribute is read at the call.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::errors::Outcome;
use super::object::{Held, Obj};
use super::version::{PY_3_12, PY_3_14};

macro_rules! imports {
    ($($(#[doc = $doc:literal])* $field:ident = $module:literal $($attribute:literal)*;)*) => {
        /// Objects of the standard library.
        pub struct Imports {
            $($field: Held,)*
        }

        impl Imports {
            fn load(py: Python<'_>) -> PyResult<Self> {
                Ok(Self {
                    $($field: {
                        let object = py.import($module)?.into_any();
                        $(let object = object.getattr($attribute)?;)*
                        Held::new(Obj::from(object))
                    },)*
                })
            }
        }

        $(
            $(#[doc = $doc])*
            #[inline]
            pub fn $field(py: Python<'_>) -> &Obj {
                table(py).$field.get(py)
            }
        )*
    };
}

imports! {
    /// `asyncio.CancelledError`
    cancelled_error = "asyncio.exceptions" "CancelledError";
    /// `asyncio.SendfileNotAvailableError`
    sendfile_not_available = "asyncio.exceptions" "SendfileNotAvailableError";
    /// `asyncio.BrokenBarrierError`
    broken_barrier_error = "asyncio.exceptions" "BrokenBarrierError";
    /// the states of a barrier, `asyncio.locks._BarrierState`
    barrier_state = "asyncio.locks" "_BarrierState";
    /// `asyncio.InvalidStateError`
    invalid_state_error = "asyncio.exceptions" "InvalidStateError";
    /// `asyncio.Future`, what `__class__` of our futures answers
    future_class = "asyncio" "Future";
    /// `asyncio.Task`
    task_class = "asyncio" "Task";
    /// `asyncio.tasks._GatheringFuture`
    gathering_future_class = "asyncio.tasks" "_GatheringFuture";
    /// `asyncio.Handle`
    handle_class = "asyncio" "Handle";
    /// `asyncio.TimerHandle`
    timer_handle_class = "asyncio" "TimerHandle";
    /// `asyncio.transports._FlowControlMixin`, the subclass of `asyncio.Transport` for transports that pause their protocol
    transport_class = "asyncio.transports" "_FlowControlMixin";
    /// `asyncio.ReadTransport`
    read_transport_class = "asyncio" "ReadTransport";
    /// `asyncio.BufferedProtocol`
    buffered_protocol = "asyncio" "BufferedProtocol";
    /// `asyncio.StreamReader`
    stream_reader_class = "asyncio.streams" "StreamReader";
    /// `asyncio.StreamWriter`
    stream_writer_class = "asyncio.streams" "StreamWriter";
    /// `asyncio.StreamReaderProtocol`
    stream_reader_protocol_class = "asyncio.streams" "StreamReaderProtocol";
    /// `asyncio.Protocol`
    protocol_class = "asyncio" "Protocol";
    /// `asyncio.IncompleteReadError`
    incomplete_read_error = "asyncio.exceptions" "IncompleteReadError";
    /// `asyncio.LimitOverrunError`
    limit_overrun_error = "asyncio.exceptions" "LimitOverrunError";
    /// `abc.ABCMeta`
    abc_meta = "abc" "ABCMeta";
    /// what `ABCMeta` does to a new class
    abc_init = "_abc" "_abc_init";
    /// `collections.deque`
    deque = "collections" "deque";
    /// the module `asyncio.events`
    events = "asyncio.events";
    /// `asyncio.get_running_loop`
    running_loop = "asyncio.events" "get_running_loop";
    /// `asyncio.current_task`
    current_task = "asyncio.tasks" "current_task";
    /// the module `asyncio.tasks`
    tasks = "asyncio.tasks";
    /// what makes a coroutine of any other awaitable
    wrap_awaitable = "asyncioxide._awaiting" "wrap_awaitable";
    /// the module `asyncio.futures`
    futures = "asyncio.futures";
    /// asyncio's own `wrap_future`, which ours does the work of unless a program has replaced it
    wrap_future = "asyncio.futures" "wrap_future";
    /// the module `asyncio.base_events`
    base_events = "asyncio.base_events";
    /// the module `asyncio.base_futures`
    base_futures = "asyncio.base_futures";
    /// the module `asyncio.base_tasks`
    base_tasks = "asyncio.base_tasks";
    /// the module `asyncio.format_helpers`
    format_helpers = "asyncio.format_helpers";
    /// the module `asyncio.coroutines`
    coroutines = "asyncio.coroutines";
    /// the module `asyncio.constants`
    constants = "asyncio.constants";
    /// the module `asyncio.selector_events`
    selector_events = "asyncio.selector_events";
    /// the module `asyncio.unix_events`
    unix_events = "asyncio.unix_events";
    /// `asyncio.staggered.staggered_race`
    staggered_race = "asyncio.staggered" "staggered_race";
    /// the module `asyncio.sslproto`
    sslproto = "asyncio.sslproto";
    /// the module `asyncio.timeouts`
    timeouts = "asyncio.timeouts";
    /// the module `asyncio.taskgroups`
    taskgroups = "asyncio.taskgroups";
    /// the module `asyncio.streams`
    streams = "asyncio.streams";
    /// the module `asyncio.trsock`
    trsock = "asyncio.trsock";
    /// the `asyncio` logger
    logger = "asyncio.log" "logger";
    /// the module `socket`
    socket = "socket";
    /// the module `sys`
    sys = "sys";
    /// `sys.get_coroutine_origin_tracking_depth`
    coroutine_origin_tracking_depth = "sys" "get_coroutine_origin_tracking_depth";
    /// `io.UnsupportedOperation`
    unsupported_operation = "io" "UnsupportedOperation";
    /// the module `builtins`
    builtins = "builtins";
    /// the module `os`
    os = "os";
    /// the module `threading`
    threading = "threading";
    /// the module `warnings`
    warnings = "warnings";
    /// the module `weakref`
    weakref = "weakref";
    /// the module `inspect`
    inspect = "inspect";
    /// the module `concurrent.futures`
    concurrent_futures = "concurrent.futures";
    /// `functools.partial`
    partial = "functools" "partial";
    /// `BaseExceptionGroup`
    base_exception_group = "builtins" "BaseExceptionGroup";
    /// `ExceptionGroup`
    exception_group = "builtins" "ExceptionGroup";
    /// `asyncio.QueueEmpty`
    queue_empty = "asyncio.queues" "QueueEmpty";
    /// `asyncio.QueueFull`
    queue_full = "asyncio.queues" "QueueFull";
    /// the module `asyncio.queues`
    queues = "asyncio.queues";
    /// `collections.deque.append`
    deque_append = "collections" "deque" "append";
    /// `collections.deque.popleft`
    deque_popleft = "collections" "deque" "popleft";
    /// asyncio's own `_set_running_loop`
    set_running_loop = "asyncio.events" "_set_running_loop";
    /// `asyncio._get_running_loop`, which answers None where no loop runs
    running_loop_or_none = "asyncio.events" "_get_running_loop";
    /// `heapq.heappush`
    heappush = "heapq" "heappush";
    /// `heapq.heappop`
    heappop = "heapq" "heappop";
    /// `list`
    list = "builtins" "list";
    /// `types.GenericAlias`
    generic_alias = "types" "GenericAlias";
    /// the class of generators
    generator_type = "types" "GeneratorType";
    /// the class of coroutines
    coroutine_type = "types" "CoroutineType";
}

/// What older and newer Pythons have in different places.
struct Versioned {
    /// `_current_tasks`, up to 3.13.
    current_tasks: Option<Held>,
    /// `_swap_current_task`, from 3.12.
    swap_current_task: Option<Held>,
    /// `_eager_tasks`, in 3.12 and 3.13.
    eager_tasks: Option<Held>,
    /// `future_add_to_awaited_by` and its opposite, from 3.14.
    add_to_awaited_by: Option<Held>,
    discard_from_awaited_by: Option<Held>,
    task_registry: Option<TaskRegistry>,
}

/// The set inside the WeakSet in which stdlib looks for tasks that are not its own.
pub struct TaskRegistry(Held);

impl TaskRegistry {
    /// The set of references.
    pub fn get<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.0.get(py)
    }

    /// Finds the WeakSet: an attribute of `asyncio.tasks` up to 3.13, reachable only through the collector from 3.14.
    /// None when it is not where we know it to be.
    fn find(py: Python<'_>) -> PyResult<Option<Self>> {
        let tasks = py.import("asyncio.tasks")?;
        let accelerator = py.import("_asyncio")?;
        let class = py.import("weakref")?.getattr("WeakSet")?;
        let name = if !PY_3_12 {
            "_all_tasks"
        } else {
            "_scheduled_tasks"
        };
        let registry = if !PY_3_14 {
            tasks.getattr(name)?
        } else {
            let referents = py
                .import("gc")?
                .call_method1("get_referents", (accelerator,))?;
            let found: Vec<_> = referents
                .try_iter()?
                .filter_map(Result::ok)
                .filter(|found| found.is_instance(&class).unwrap_or(false))
                .collect();
            match found.as_slice() {
                [one] => one.clone(),
                _ => return Ok(None),
            }
        };
        // Proof: what stdlib registers must turn up here.
        let probe = py
            .import("asyncio.futures")?
            .getattr("_PyFuture")?
            .call_method1(
                "__new__",
                (py.import("asyncio.futures")?.getattr("_PyFuture")?,),
            )?;
        tasks.call_method1("_register_task", (&probe,))?;
        let seen = registry.contains(&probe)?;
        tasks.call_method1("_unregister_task", (&probe,))?;
        if !seen {
            return Ok(None);
        }
        Ok(Some(Self(Held::new(Obj::from(registry.getattr("data")?)))))
    }
}

impl Versioned {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let tasks = py.import("asyncio.tasks")?;
        let futures = py.import("asyncio.futures")?;
        let optional = |module: &Bound<'_, PyModule>, name: &str| -> PyResult<Option<Held>> {
            Ok(module
                .getattr_opt(name)?
                .map(|found| Held::new(Obj::from(found))))
        };
        let current_tasks = if !PY_3_14 {
            optional(&tasks, "_current_tasks")?
        } else {
            None
        };
        Ok(Self {
            current_tasks,
            swap_current_task: optional(&tasks, "_swap_current_task")?,
            eager_tasks: if !PY_3_14 {
                optional(&tasks, "_eager_tasks")?
            } else {
                None
            },
            add_to_awaited_by: optional(&futures, "future_add_to_awaited_by")?,
            discard_from_awaited_by: optional(&futures, "future_discard_from_awaited_by")?,
            task_registry: TaskRegistry::find(py)?,
        })
    }
}

fn versioned(py: Python<'_>) -> &Versioned {
    static TABLE: PyOnceLock<Versioned> = PyOnceLock::new();
    TABLE
        .get_or_try_init(py, || Versioned::load(py))
        .expect("asyncio's private names load: `preload` has tried it")
}

/// `asyncio.tasks._current_tasks`, where Python has it (up to 3.13).
#[inline]
pub fn current_tasks(py: Python<'_>) -> Option<&Obj> {
    versioned(py)
        .current_tasks
        .as_ref()
        .map(|held| held.get(py))
}

/// `asyncio.tasks._swap_current_task` (from 3.12).
///
/// # Panics
/// On 3.11, where `current_tasks` is to be used.
#[inline]
pub fn swap_current_task(py: Python<'_>) -> &Obj {
    versioned(py)
        .swap_current_task
        .as_ref()
        .expect("3.12 and later have _swap_current_task")
        .get(py)
}

/// `asyncio.tasks._eager_tasks`, where Python has it (3.12 and 3.13).
pub fn eager_tasks(py: Python<'_>) -> Option<&Obj> {
    versioned(py).eager_tasks.as_ref().map(|held| held.get(py))
}

/// asyncio's own `future_add_to_awaited_by` (from 3.14): in `asyncio.futures` there may be ours.
pub fn add_to_awaited_by(py: Python<'_>) -> Option<&Obj> {
    versioned(py)
        .add_to_awaited_by
        .as_ref()
        .map(|held| held.get(py))
}

/// asyncio's own `future_discard_from_awaited_by` (from 3.14).
pub fn discard_from_awaited_by(py: Python<'_>) -> Option<&Obj> {
    versioned(py)
        .discard_from_awaited_by
        .as_ref()
        .map(|held| held.get(py))
}

/// Where tasks are registered; none when only the functions of `asyncio.tasks` know.
#[inline]
pub fn task_registry(py: Python<'_>) -> Option<&TaskRegistry> {
    versioned(py).task_registry.as_ref()
}

/// Names of the module `ssl`, which a Python can be built without.
pub struct Ssl {
    object: Held,
    memory_bio: Held,
    error: Held,
    again_errors: Held,
    zero_return_error: Held,
    certificate_error: Held,
    context: Held,
}

impl Ssl {
    fn load(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("ssl")?;
        let held =
            |name: &str| -> PyResult<Held> { Ok(Held::new(Obj::from(module.getattr(name)?))) };
        let again_errors = py.import("asyncio.sslproto")?.getattr("SSLAgainErrors")?;
        Ok(Self {
            object: held("SSLObject")?,
            memory_bio: held("MemoryBIO")?,
            error: held("SSLError")?,
            again_errors: Held::new(Obj::from(again_errors)),
            zero_return_error: held("SSLZeroReturnError")?,
            certificate_error: held("CertificateError")?,
            context: held("SSLContext")?,
        })
    }

    /// `ssl.SSLObject`
    pub fn object<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.object.get(py)
    }

    /// `ssl.MemoryBIO`
    pub fn memory_bio<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.memory_bio.get(py)
    }

    /// `ssl.SSLError`
    pub fn error<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.error.get(py)
    }

    /// `sslproto.SSLAgainErrors`, a tuple
    pub fn again_errors<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.again_errors.get(py)
    }

    /// `ssl.SSLZeroReturnError`
    pub fn zero_return_error<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.zero_return_error.get(py)
    }

    /// `ssl.CertificateError`
    pub fn certificate_error<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.certificate_error.get(py)
    }

    /// `ssl.SSLContext`
    pub fn context<'py>(&'py self, py: Python<'py>) -> &'py Obj {
        self.context.get(py)
    }
}

/// The names of `ssl`.
///
/// # Errors
/// RuntimeError where Python is built without it, in the words of `SSLProtocol`.
pub fn ssl(py: Python<'_>) -> Outcome<&Ssl> {
    static TABLE: PyOnceLock<Ssl> = PyOnceLock::new();
    TABLE
        .get_or_try_init(py, || Ssl::load(py))
        .map_err(|_| super::errors::Raised::runtime_error(py, "stdlib ssl module not available"))
}

fn table(py: Python<'_>) -> &Imports {
    static TABLE: PyOnceLock<Imports> = PyOnceLock::new();
    TABLE
        .get_or_try_init(py, || Imports::load(py))
        .expect("asyncio and the standard library import: `preload` has tried it")
}

/// Loads the table while the module is made, so that a broken installation is an ImportError and nothing later.
///
/// # Errors
/// What importing raised.
pub fn preload(py: Python<'_>) -> Outcome<()> {
    Imports::load(py)?;
    Versioned::load(py)?;
    table(py);
    versioned(py);
    Ok(())
}
