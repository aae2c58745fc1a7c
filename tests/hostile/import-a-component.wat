;; Would be given a component to make instances of.
;; outcome: refused forbidden import `evil`
(component
  (import "evil" (component $evil))
  (instance (instantiate $evil)))
