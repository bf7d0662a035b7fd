package page

import (
	"encoding/json"
	"net/http"
	"time"
)

// The content types of answers.
const (
	TypeHTML    = "text/html; charset=utf-8"
	TypeProblem = "application/problem+json"
	TypeText    = "text/plain; charset=utf-8"
)

// A Problem tells a program why its request is stopped.
type Problem struct {
	Status     int
	Detail     string
	Ref        string
	Time       time.Time
	Contact    string        // URL; empty: none
	Explain    string        // URL of an explanation; empty: none
	RetryAfter time.Duration // 0: none
}

// JSON returns p as a problem object of RFC 9457, with the default type (about:blank). The
// member message repeats the detail: scripts of many applications, such as WordPress's editor,
// show that member of a failed answer.
func (p Problem) JSON() []byte {
	b, err := json.Marshal(struct {
		Type       string `json:"type"`
		Title      string `json:"title"`
		Status     int    `json:"status"`
		Detail     string `json:"detail"`
		Message    string `json:"message"`
		Ref        string `json:"ref"`
		Time       string `json:"time"`
		Contact    string `json:"contact,omitempty"`
		Explain    string `json:"explanation,omitempty"`
		RetryAfter int    `json:"retry_after,omitempty"` // seconds
	}{
		"about:blank", http.StatusText(p.Status), p.Status, p.Detail, p.Detail,
		p.Ref, p.Time.UTC().Format(time.RFC3339), p.Contact, p.Explain, Ceil(p.RetryAfter, time.Second),
	})
	if err != nil {
		return []byte("{}") // not reached: strings and numbers can always be marshaled
	}
	return b
}

// Ceil returns d in units, rounded up.
func Ceil(d, unit time.Duration) int { return int((d + unit - 1) / unit) }
