def f(x: int) -> int:
    try:
        return 1 // x
    except MyError:
        raise OSError(2, 'no such file')
    except (ValueError, x):
        raise x
    except KeyError as error:
        raise ValueError(error)
    return 0
