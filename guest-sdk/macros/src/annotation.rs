//! Rust's types as Python's annotations.

use syn::{GenericArgument, PathArguments, PathSegment, ReturnType, Type};

/// What Python sees of a result, and whether it may be an error instead.
pub fn of_return(output: &ReturnType) -> (String, bool) {
    match output {
        ReturnType::Default => ("None".to_owned(), false),
        ReturnType::Type(_, kind) => {
            let named =
                last_segment(kind).filter(|segment| segment.ident.to_string().ends_with("Result"));
            match named {
                Some(segment) => {
                    let value = generics(segment).into_iter().next();
                    (value.map_or_else(|| "None".to_owned(), of), true)
                }
                None => (of(kind), false),
            }
        }
    }
}

/// The annotation of a type. Names of the user's stay as they are.
pub fn of(kind: &Type) -> String {
    match kind {
        Type::Reference(reference) => of(&reference.elem),
        Type::Paren(inner) => of(&inner.elem),
        Type::Group(inner) => of(&inner.elem),
        Type::Slice(slice) if is_byte(&slice.elem) => "bytes".to_owned(),
        Type::Slice(slice) => format!("list[{}]", of(&slice.elem)),
        Type::Array(array) => format!("tuple[{}, ...]", of(&array.elem)),
        Type::Tuple(tuple) if tuple.elems.is_empty() => "None".to_owned(),
        Type::Tuple(tuple) => {
            let items: Vec<String> = tuple.elems.iter().map(of).collect();
            format!("tuple[{}]", items.join(", "))
        }
        _ => last_segment(kind).map_or_else(|| "object".to_owned(), of_named),
    }
}

fn of_named(segment: &PathSegment) -> String {
    let name = segment.ident.to_string();
    let mut items = generics(segment).into_iter();
    let mut next = || items.next().map_or_else(|| "object".to_owned(), of);
    match name.as_str() {
        "bool" => "bool".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128"
        | "usize" => "int".to_owned(),
        "f32" | "f64" => "float".to_owned(),
        "String" | "str" | "char" => "str".to_owned(),
        "ByteBuf" | "Bytes" | "ByteArray" => "bytes".to_owned(),
        "Vec" | "VecDeque" | "HashSet" | "BTreeSet" | "LinkedList" => format!("list[{}]", next()),
        "HashMap" | "BTreeMap" => {
            let key = next();
            format!("dict[{key}, {}]", next())
        }
        "Option" => format!("{} | None", next()),
        "Box" | "Rc" | "Arc" | "Cow" => next(),
        _ => name,
    }
}

fn is_byte(kind: &Type) -> bool {
    last_segment(kind).is_some_and(|segment| segment.ident == "u8")
}

fn last_segment(kind: &Type) -> Option<&PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn generics(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let kinds = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    });
    kinds.collect()
}
