// SPDX-License-Identifier: MIT
use pyo3::prelude::*;

#[pyfunction(name = "answer")]
fn the_answer() -> i32 {
    42
}

#[pymodule(gil_used = false)]
fn answer(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(the_answer, module)?)
}
