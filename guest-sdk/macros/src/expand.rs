//! What the attribute writes: the function as it is, the world's exports, and a section that describes them.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, Expr, FnArg, Ident, ItemFn, Lit, Meta, Pat, Type};

use crate::annotation;

/// Where the attribute is.
pub struct Place {
    pub file: String,
    pub line: usize,
}

/// Expands the attribute.
pub fn closure(
    arguments: TokenStream,
    item: TokenStream,
    place: &Place,
) -> Result<TokenStream, Error> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "`spm_guest::closure` takes nothing"));
    }
    let function: ItemFn = syn::parse2(item)?;
    check(&function)?;
    let parameters = parameters(&function)?;
    let (returns, may_fail) = annotation::of_return(&function.sig.output);
    let description = description(&function, &parameters, &returns, place);
    let section = Literal::byte_string(description.as_bytes());
    let section_bytes = description.len();

    let name = &function.sig.ident;
    let text = name.to_string();
    let (file, line) = (&place.file, place.line as u32);
    let count = parameters.len();
    let names = parameters.iter().map(|(name, _)| name);
    let texts = parameters.iter().map(|(name, _)| name.to_string());
    let kinds = parameters.iter().map(|(_, kind)| kind);
    let given = names.clone();
    let value = if may_fail {
        quote!(#name(#(#given),*).map_err(|error| ::core::convert::Into::<::spm_guest::Exception>::into(error))?)
    } else {
        quote!(#name(#(#given),*))
    };
    Ok(quote! {
        #function

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::spm_guest::generated;

            static FUNCTION: generated::Function = generated::Function {
                name: #text,
                file: #file,
                line: #line,
                parameters: #count,
            };

            #[used]
            #[unsafe(link_section = "spm:signature")]
            static SIGNATURE: [u8; #section_bytes] = *#section;

            fn run(bytes: &[u8]) -> ::core::result::Result<::std::vec::Vec<u8>, ::spm_guest::Exception> {
                #[allow(unused_mut, unused_variables)]
                let mut arguments = generated::Arguments::new(bytes, &FUNCTION)?;
                #(let #names: #kinds = arguments.next(#texts)?;)*
                let value = #value;
                generated::returned(&value, &FUNCTION)
            }

            #[unsafe(export_name = "call")]
            extern "C" fn call(pointer: *mut u8, length: usize) -> usize {
                // SAFETY: only the host calls it, with a list that it wrote.
                unsafe { generated::call(pointer, length, &FUNCTION, run) as usize }
            }

            #[unsafe(export_name = "define")]
            extern "C" fn define(pointer: *mut u8, length: usize) -> usize {
                // SAFETY: only the host calls it, with a list that it wrote.
                unsafe { generated::define(pointer, length, &FUNCTION) as usize }
            }

            #[unsafe(export_name = "cabi_post_call")]
            extern "C" fn after_call(returned: usize) {
                // SAFETY: only the host calls it, once, with what `call` returned.
                unsafe { generated::free_returned(returned as *mut _) }
            }

            #[unsafe(export_name = "cabi_post_define")]
            extern "C" fn after_define(returned: usize) {
                // SAFETY: only the host calls it, once, with what `define` returned.
                unsafe { generated::free_returned(returned as *mut _) }
            }
        };
    })
}

fn check(function: &ItemFn) -> Result<(), Error> {
    let signature = &function.sig;
    if let Some(asyncness) = &signature.asyncness {
        return Err(Error::new_spanned(asyncness, "a closure cannot be async"));
    }
    if signature.generics.type_params().next().is_some() {
        return Err(Error::new_spanned(&signature.generics, "a closure cannot be generic"));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(Error::new_spanned(variadic, "a closure cannot be variadic"));
    }
    Ok(())
}

fn parameters(function: &ItemFn) -> Result<Vec<(Ident, Type)>, Error> {
    let parameters = function.sig.inputs.iter().map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(pattern) => Ok((pattern.ident.clone(), (*typed.ty).clone())),
            pattern => Err(Error::new_spanned(pattern, "a closure's parameters need a name")),
        },
        FnArg::Receiver(receiver) => {
            Err(Error::new_spanned(receiver, "a closure is a function, and no method"))
        }
    });
    parameters.collect()
}

/// The section `spm:signature`, in JSON.
fn description(
    function: &ItemFn,
    parameters: &[(Ident, Type)],
    returns: &str,
    place: &Place,
) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, kind)| {
            format!("[{}, {}]", json(&name.to_string()), json(&annotation::of(kind)))
        })
        .collect();
    let fields = [
        ("name", json(&function.sig.ident.to_string())),
        ("doc", json(&doc(&function.attrs))),
        ("parameters", format!("[{}]", pairs.join(", "))),
        ("returns", json(returns)),
        ("source", json(&spaced(&function.sig.to_token_stream().to_string()))),
        ("file", json(&place.file)),
        ("line", place.line.to_string()),
    ];
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

/// The text of documentation comments.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        if !pair.path.is_ident("doc") {
            return None;
        }
        let Expr::Lit(literal) = &pair.value else { return None };
        let Lit::Str(text) = &literal.lit else { return None };
        let text = text.value();
        Some(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Tokens as people write them.
fn spaced(tokens: &str) -> String {
    let mut text = tokens.to_owned();
    for (found, wanted) in [
        (" (", "("),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" :: ", "::"),
        (":: ", "::"),
        (" : ", ": "),
        (",)", ")"),
        ("& ", "&"),
        ("->(", "-> ("),
        ("& '", "&'"),
    ] {
        text = text.replace(found, wanted);
    }
    text
}

fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
