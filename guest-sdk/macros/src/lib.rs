//! The attribute of `spm-guest`.

mod annotation;
mod expand;

use proc_macro::TokenStream;

/// Makes a function the closure of its crate.
///
/// Its arguments have names, and types that serde can read; its result is a type that serde can write, or a `Result` of one
/// and of what an `spm_guest::Exception` can be made from. A result type is known by the end of its name: `Result`.
#[proc_macro_attribute]
pub fn closure(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let span = proc_macro::Span::call_site();
    let place = expand::Place { file: span.file(), line: span.line() };
    expand::closure(arguments.into(), item.into(), &place)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
