package event

import "strings"

// KeyFields returns the names of the request headers, besides Authorization, in which
// programs send a key. [Event].Request must include them.
func KeyFields() []string {
	return []string{"X-Api-Key", "X-Auth-Token", "X-Access-Token", "Private-Token", "Api-Key"}
}

// RequestFields returns the names of the headers that [Event].Request must include. If the
// response sets cookies, it must also include Cookie.
func RequestFields() []string {
	return append([]string{"Authorization", "Content-Type"}, KeyFields()...)
}

// ResponseFields returns the names of the headers that [Event].Header must include.
func ResponseFields() []string {
	return []string{"Location", "Set-Cookie", "Www-Authenticate", "X-Amz-Request-Id"}
}

// AttributionFields returns the names of the request headers that [Event.Attribute]
// uses.
func AttributionFields() []string {
	return []string{
		"Accept", "Accept-Language", "Origin", "Purpose", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Site", "Sec-Purpose",
		"X-Forwarded-Proto", "X-Moz", "X-Purpose",
	}
}

// ShowsPassword reports whether a query may contain a password, or a proof of one. Then
// [Event].Answer must be kept for any method.
func ShowsPassword(query string) bool {
	if query == "" {
		return false // the usual case
	}
	return strings.Contains(query, "assw") || strings.Contains(query, "ass=") || strings.Contains(query, "wd=") || strings.Contains(query, "response=")
}
