; What the other sources build on.

(fun absolute (n) (if (< n 0) (- 0 n) n))

(fun gcd (a b) (if (= b 0) (absolute a) (gcd b (% a b))))

(fun lcm (a b) (if (= a 0) 0 (* (/ (absolute a) (gcd a b)) (absolute b))))
