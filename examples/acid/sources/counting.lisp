(use arithmetic)

; Multiplied and divided in turn, it stays exact.
(fun choose (n k)
  (let result 1)
  (let i 0)
  (while (< i k)
    (set result (/ (* result (- n i)) (+ i 1)))
    (set i (+ i 1)))
  result)

; Euler's totient: how many of 1 ... n have no factor in common with n.
(fun totient (n)
  (let count 0)
  (let i 1)
  (while (<= i n)
    (set count (+ count (= (gcd i n) 1)))
    (set i (+ i 1)))
  count)
