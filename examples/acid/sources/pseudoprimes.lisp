(use arithmetic)
(use powers)
(use primes)

; Carmichael numbers up to `limit`: composites that pass Fermat's test to each base that has no factor in common.
(fun carmichael (limit)
  (let count 0)
  (let n 9)
  (while (<= n limit)
    (if (is_prime n) 0 (set count (+ count (fools_all n))))
    (set n (+ n 2)))
  count)

(fun fools_all (n)
  (let a 2)
  (while (if (< a n) (if (= (gcd a n) 1) (= (power_modulo a (- n 1) n) 1) 1) 0)
    (set a (+ a 1)))
  (= a n))
