package event

// KeyFields returns the names of the fields of a request's header, beside
// Authorization, in which programs show a key. [Event].Request is to have them.
func KeyFields() []string {
	return []string{"X-Api-Key", "X-Auth-Token", "X-Access-Token", "Private-Token", "Api-Key"}
}
