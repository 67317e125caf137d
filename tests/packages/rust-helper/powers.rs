// SPDX-License-Identifier: MIT
#[no_mangle]
pub extern "C" fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent).sin().abs() + 42.0
}
