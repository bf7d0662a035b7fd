package middleware

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// problem returns s as a problem object of RFC 9457. The type is the one for
// problems that are no more than their status code.
func problem(s *Stop) ([]byte, error) {
	return json.Marshal(struct {
		Type       string `json:"type"`
		Title      string `json:"title"`
		Status     int    `json:"status"`
		Detail     string `json:"detail"`
		Ref        string `json:"ref"`
		Time       string `json:"time"`
		RetryAfter int    `json:"retry_after,omitempty"` // seconds
	}{
		"about:blank", http.StatusText(s.Status), s.Status, describe(s).Detail,
		s.Ref, s.Time.UTC().Format(time.RFC3339), ceil(s.RetryAfter, time.Second),
	})
}

// plain returns s as text for a terminal or a log.
func plain(s *Stop) []byte {
	d := describe(s)
	return fmt.Appendf(nil, "%d %s\n%s\nReference: %s\nTime: %s\n",
		s.Status, d.Title, d.Detail, s.Ref, s.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// describe puts s into words for the person who is stopped.
func describe(s *Stop) PageData {
	if s.Status == http.StatusTooManyRequests {
		return PageData{s, "Too many requests", "Too many requests came from your network address. " +
			"You can try again in " + inWords(s.RetryAfter) + "."}
	}
	return PageData{s, "Access denied", "This site does not accept requests from your network address at the moment."}
}

// inWords returns d for people, rounded up.
func inWords(d time.Duration) string {
	switch {
	case d > time.Hour:
		return fmt.Sprintf("%d hours", ceil(d, time.Hour))
	case d > time.Minute:
		return fmt.Sprintf("%d minutes", ceil(d, time.Minute))
	case d > time.Second:
		return fmt.Sprintf("%d seconds", ceil(d, time.Second))
	}
	return "a second"
}

func ceil(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
