//! Arguments of a call and their signature: binding by position and by name, with CPython's TypeErrors.
#![allow(unsafe_code, reason = "views the C argument array as references")]

use pyo3::types::{PyDict, PyDictMethods, PyString, PyStringMethods, PyTuple, PyTupleMethods};
use pyo3::{Bound, Python, ffi};

use super::errors::{Outcome, Raised};
use super::object::Obj;

/// The arguments of one call, as vectorcall passes them: positional values, then one value per keyword name.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    positional: &'a [Obj],
    keywords: &'a [Obj],
    names: Option<&'a Obj>,
}

impl<'a> Args<'a> {
    /// Divides `values`: the last ones belong to the tuple of `names`.
    pub(in crate::py) fn new(values: &'a [Obj], names: Option<&'a Obj>) -> Self {
        let count = names.map_or(0, |names| {
            names
                .bind()
                .cast::<PyTuple>()
                .map_or(0, |names| names.len())
        });
        let (positional, keywords) = values.split_at(values.len() - count);
        Self {
            positional,
            keywords,
            names,
        }
    }

    /// # Safety
    /// `args` holds `positional` live objects and one more per name of the tuple `*names` (which may be null), all alive
    /// for `'a`.
    #[inline]
    pub(in crate::py) unsafe fn from_vectorcall(
        args: *const *mut ffi::PyObject,
        positional: usize,
        names: &'a *mut ffi::PyObject,
    ) -> Self {
        if names.is_null() {
            return Self {
                // SAFETY: by the caller's promise.
                positional: unsafe { Obj::slice_from(args, positional) },
                keywords: &[],
                names: None,
            };
        }
        // SAFETY: not null, alive by the caller's promise.
        let tuple = unsafe { Obj::ref_from(names) };
        let count = tuple
            .bind()
            .cast::<PyTuple>()
            .map_or(0, |names| names.len());
        // SAFETY: by the caller's promise.
        let values = unsafe { Obj::slice_from(args, positional + count) };
        Self::new(values, Some(tuple))
    }

    /// The positional arguments.
    #[inline]
    pub fn positional(&self) -> &'a [Obj] {
        self.positional
    }

    /// The first positional argument, and the rest: a method's receiver, when a function is called as one.
    #[inline]
    pub fn split_receiver(self) -> Option<(&'a Obj, Self)> {
        let (receiver, positional) = self.positional.split_first()?;
        Some((receiver, Self { positional, ..self }))
    }

    /// Whether keywords were given.
    #[inline]
    pub fn has_keywords(&self) -> bool {
        self.names.is_some()
    }

    /// The positional ones alone.
    pub fn without_keywords(&self) -> Self {
        Self {
            keywords: &[],
            names: None,
            ..*self
        }
    }

    /// The keywords alone.
    pub fn keywords_only(&self) -> Self {
        Self {
            positional: &[],
            ..*self
        }
    }

    /// The keywords with their values.
    pub fn keywords(&self) -> impl Iterator<Item = (Obj, &'a Obj)> + use<'a> {
        let names: Vec<Obj> = self
            .names
            .and_then(|names| {
                names
                    .bind()
                    .cast::<PyTuple>()
                    .ok()
                    .map(|names| names.iter().map(Obj::from).collect())
            })
            .unwrap_or_default();
        names.into_iter().zip(self.keywords)
    }
}

/// A function's parameters: `names[..positional]` may be given by position, the first `required` must be given.
pub struct Signature<const N: usize> {
    function: &'static str,
    names: [&'static str; N],
    positional: usize,
    required: usize,
}

impl<const N: usize> Signature<N> {
    /// Parameters in order; after `positional` of them the rest is keyword-only.
    pub const fn new(
        function: &'static str,
        names: [&'static str; N],
        positional: usize,
        required: usize,
    ) -> Self {
        assert!(required <= positional && positional <= N);
        Self {
            function,
            names,
            positional,
            required,
        }
    }

    /// The function's qualified name.
    pub fn function(&self) -> &'static str {
        self.function
    }

    /// Binds `args` to the parameters; what was not given is `None`.
    ///
    /// # Errors
    /// TypeError with the texts of a Python function: too many, unknown, repeated or missing arguments.
    #[inline]
    pub fn bind<'a>(&self, py: Python<'_>, args: Args<'a>) -> Outcome<[Option<&'a Obj>; N]> {
        self.bind_or(py, args, |name, _value| Err(self.unknown(name)?))
    }

    #[inline]
    fn bind_or<'a>(
        &self,
        py: Python<'_>,
        args: Args<'a>,
        unknown: impl FnMut(&Bound<'_, PyString>, &Obj) -> Outcome<()>,
    ) -> Outcome<[Option<&'a Obj>; N]> {
        let mut bound = [None; N];
        if args.positional.len() > self.positional {
            return Err(self.too_many(py, args.positional.len()));
        }
        for (place, value) in bound.iter_mut().zip(args.positional) {
            *place = Some(value);
        }
        self.bind_names(py, args, &mut bound, unknown)?;
        match (0..self.required).find(|&index| bound[index].is_none()) {
            None => Ok(bound),
            Some(_) => Err(self.missing(py, &bound)),
        }
    }

    /// Binds the parameters of a function that passes other keywords on, which are given back (`**kwds`).
    ///
    /// # Errors
    /// As `bind`, save for unknown names.
    pub fn bind_open<'py, 'a>(
        &self,
        py: Python<'py>,
        args: Args<'a>,
    ) -> Outcome<([Option<&'a Obj>; N], Bound<'py, PyDict>)> {
        let others = PyDict::new(py);
        let bound = self.bind_or(py, args, |name, value| {
            others.set_item(name, value.bind())?;
            Ok(())
        })?;
        Ok((bound, others))
    }

    /// Binds the parameters of a call that may go on with a callback's own arguments, which are given back.
    ///
    /// # Errors
    /// As `bind`.
    pub fn bind_leading<'a>(
        &self,
        py: Python<'_>,
        args: Args<'a>,
    ) -> Outcome<([Option<&'a Obj>; N], &'a [Obj])> {
        let (leading, rest) = args
            .positional
            .split_at(args.positional.len().min(self.positional));
        let bound = self.bind(
            py,
            Args {
                positional: leading,
                ..args
            },
        )?;
        Ok((bound, rest))
    }

    #[inline]
    fn bind_names<'a>(
        &self,
        py: Python<'_>,
        args: Args<'a>,
        bound: &mut [Option<&'a Obj>; N],
        mut unknown: impl FnMut(&Bound<'_, PyString>, &Obj) -> Outcome<()>,
    ) -> Outcome<()> {
        let Some(names) = args.names else {
            return Ok(());
        };
        let names = names.bind().cast::<PyTuple>()?;
        for (name, value) in names.iter_borrowed().zip(args.keywords) {
            let name = name.cast::<PyString>()?;
            let text = name.to_str()?;
            let Some(index) = self.names.iter().position(|own| *own == text) else {
                unknown(&name, value)?;
                continue;
            };
            if bound[index].replace(value).is_some() {
                let function = self.function;
                return Err(Raised::type_error(
                    py,
                    format!("{function}() got multiple values for argument '{text}'"),
                ));
            }
        }
        Ok(())
    }

    #[cold]
    fn unknown(&self, name: &Bound<'_, PyString>) -> Outcome<Raised> {
        let (function, text) = (self.function, name.to_str()?);
        Ok(Raised::type_error(
            name.py(),
            format!("{function}() got an unexpected keyword argument '{text}'"),
        ))
    }

    fn too_many(&self, py: Python<'_>, given: usize) -> Raised {
        let function = self.function;
        // A method of a Python class, which is what the texts are modelled on, counts its `self`.
        let receiver = usize::from(function.contains('.'));
        let (least, most, given) = (
            self.required + receiver,
            self.positional + receiver,
            given + receiver,
        );
        let takes = match (most, least) {
            (most, least) if most == least => format!("{most} positional argument{}", plural(most)),
            (most, least) => format!("from {least} to {most} positional arguments"),
        };
        let were = if given == 1 { "was" } else { "were" };
        Raised::type_error(
            py,
            format!("{function}() takes {takes} but {given} {were} given"),
        )
    }

    fn missing(&self, py: Python<'_>, bound: &[Option<&Obj>; N]) -> Raised {
        let missing: Vec<String> = (0..self.required)
            .filter(|&index| bound[index].is_none())
            .map(|index| format!("'{}'", self.names[index]))
            .collect();
        let list = match missing.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [one, two] => format!("{one} and {two}"),
            [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        };
        let (function, count) = (self.function, missing.len());
        Raised::type_error(
            py,
            format!(
                "{function}() missing {count} required positional argument{}: {list}",
                plural(count)
            ),
        )
    }
}

/// For a method without parameters, under the name that asyncio's own texts give it ("BaseEventLoop.stop").
///
/// # Errors
/// TypeError when there are arguments.
#[inline]
pub fn no_arguments(py: Python<'_>, function: &'static str, args: Args<'_>) -> Outcome<()> {
    if args.positional.is_empty() && args.names.is_none() {
        return Ok(());
    }
    Signature::<0>::new(function, [], 0, 0)
        .bind(py, args)
        .map(|[]| ())
}

/// The leading arguments of a call whose rest belongs to a callback: `names` tells what they are.
///
/// # Errors
/// TypeError when one is missing or unknown.
pub fn leading<'a, const N: usize>(
    py: Python<'_>,
    function: &'static str,
    names: [&'static str; N],
    args: Args<'a>,
) -> Outcome<([&'a Obj; N], &'a [Obj])> {
    let (bound, rest) = Signature::new(function, names, N, N).bind_leading(py, args)?;
    Ok((
        bound.map(|value| value.expect("every parameter is required, so `bind` found it")),
        rest,
    ))
}

/// The arguments of a call that takes `names` and nothing else.
///
/// # Errors
/// TypeError when one is missing, unknown or too many.
pub fn exactly<'a, const N: usize>(
    py: Python<'_>,
    function: &'static str,
    names: [&'static str; N],
    args: Args<'a>,
) -> Outcome<[&'a Obj; N]> {
    if let (Ok(given), false) = (<&[Obj; N]>::try_from(args.positional), args.has_keywords()) {
        return Ok(given.each_ref());
    }
    let bound = Signature::new(function, names, N, N).bind(py, args)?;
    Ok(bound.map(|value| value.expect("every parameter is required, so `bind` found it")))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
