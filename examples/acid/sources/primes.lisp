(use powers)

; Is `n` a probable prime to the base `a`? G. Miller, 1976; M. Rabin, 1980.
(fun passes (n a)
  (let odd (- n 1))
  (let twos 0)
  (while (= (& odd 1) 0)
    (set odd (>> odd 1))
    (set twos (+ twos 1)))
  (let x (power_modulo a odd n))
  (let good (| (= x 1) (= x (- n 1))))
  (while (> twos 1)
    (set x (% (* x x) n))
    (set good (| good (= x (- n 1))))
    (set twos (- twos 1)))
  good)

; These three bases leave no doubt below 4759123141 (G. Jaeschke, 1993); products fit below 2 ** 31.
(fun is_prime (n)
  (if (< n 2) 0
    (if (| (= n 2) (| (= n 7) (= n 61))) 1
      (if (= (& n 1) 0) 0
        (& (passes n 2) (& (passes n 7) (passes n 61)))))))

(fun next_prime (n)
  (set n (+ n 1))
  (while (= (is_prime n) 0) (set n (+ n 1)))
  n)
