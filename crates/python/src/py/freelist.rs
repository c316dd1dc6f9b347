//! Free lists: memory of dead objects, kept by a loop for its next ones.
//!
//! Reuse saves the allocator's work and, for collected objects, keeps the collector's allocation counter still: a loop
//! that makes and drops a handle per callback never triggers a collection. Measured: 10 ns for a handle from the list
//! against about 35 ns from the allocator, collections not counted.
#![allow(unsafe_code, reason = "frees the memory of dead objects")]

use std::cell::RefCell;

use pyo3::ffi;

/// Blocks of one size, of dead exact instances of one collected type.
pub struct FreeList {
    blocks: RefCell<Vec<*mut ffi::PyObject>>,
    limit: usize,
}

impl FreeList {
    /// An empty list that keeps at most `limit` blocks.
    pub fn new(limit: usize) -> Self {
        Self {
            blocks: RefCell::new(Vec::new()),
            limit,
        }
    }

    /// A block, if there is one.
    #[inline]
    pub(in crate::py) fn take(&self) -> Option<*mut ffi::PyObject> {
        self.blocks.borrow_mut().pop()
    }

    /// Keeps the memory of a dead object; false when the list is full and the caller has to free it.
    ///
    /// # Safety
    /// `block` is an untracked GC object of this list's type whose payload was dropped and that nobody refers to.
    #[inline]
    pub(in crate::py) unsafe fn put(&self, block: *mut ffi::PyObject) -> bool {
        // An object that the collector finalized carries a mark that would silence the next one in this memory.
        // SAFETY: reads the mark of an object header that is still in place.
        if unsafe { PyObject_GC_IsFinalized(block) } != 0 {
            return false;
        }
        let mut blocks = self.blocks.borrow_mut();
        if blocks.len() >= self.limit {
            return false;
        }
        blocks.push(block);
        true
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        for block in self.blocks.get_mut().drain(..) {
            // SAFETY: `put` was promised untracked dead objects, and nobody else has their addresses.
            unsafe { ffi::PyObject_GC_Del(block.cast()) };
        }
    }
}

unsafe extern "C" {
    // Public since 3.9, absent from pyo3-ffi.
    fn PyObject_GC_IsFinalized(object: *mut ffi::PyObject) -> std::ffi::c_int;
}
