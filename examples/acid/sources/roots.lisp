(use arithmetic)

; Newton's method, from above.
(fun square_root (n)
  (let x n)
  (let y (/ (+ n 1) 2))
  (while (< y x)
    (set x y)
    (set y (/ (+ x (/ n x)) 2)))
  x)

(fun is_square (n)
  (let root (square_root (absolute n)))
  (= (* root root) n))
