;; Has components in one another, 50 deep.
;; outcome: refused nested components, this host allows 8
(component
  {{50| (component }} {{50| ) }})
