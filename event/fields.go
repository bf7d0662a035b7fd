package event

import "strings"

// KeyFields returns the names of the fields of a request's header, beside
// Authorization, in which programs show a key. [Event].Request is to have them.
func KeyFields() []string {
	return []string{"X-Api-Key", "X-Auth-Token", "X-Access-Token", "Private-Token", "Api-Key"}
}

// RequestFields returns the names of the fields that [Event].Request is to have.
func RequestFields() []string {
	return append([]string{"Authorization", "Content-Type"}, KeyFields()...)
}

// ResponseFields returns the names of the fields that [Event].Header is to have.
func ResponseFields() []string {
	return []string{"Location", "Set-Cookie", "Www-Authenticate", "X-Amz-Request-Id"}
}

// AttributionFields returns the names of the fields of a request's header that
// [Event.Attribute] looks at.
func AttributionFields() []string {
	return []string{
		"Accept", "Accept-Language", "Origin", "Purpose", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Site", "Sec-Purpose",
		"X-Forwarded-Proto", "X-Moz", "X-Purpose",
	}
}

// ShowsPassword reports whether a query may name a password, or a proof that the client
// knows one. Then [Event].Answer is to be kept, whatever the method.
func ShowsPassword(query string) bool {
	if query == "" {
		return false // as mostly
	}
	return strings.Contains(query, "assw") || strings.Contains(query, "ass=") || strings.Contains(query, "wd=") || strings.Contains(query, "response=")
}
