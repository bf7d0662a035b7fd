package appsec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
)

// maxAnswer is the largest accepted body of an answer. The page of a challenge has
// about 250 kB.
const maxAnswer = 1 << 20

// An answer is AppSec's response.
type answer struct {
	code int // status code of the response

	Action  string              `json:"action"` // in lower case; "": only the code is known
	Status  int                 `json:"http_status"`
	Body    string              `json:"user_body_content"`
	Headers map[string][]string `json:"user_headers"`
	Cookies []string            `json:"user_cookies"`

	damaged bool // a field other than Action has the wrong type
	garbage bool // the body is not an answer
}

// The usual answers byte for byte, which need no JSON parser.
const (
	plainAllow = `{"action":"allow","http_status":200}`
	plainBan   = `{"action":"ban","http_status":403}`
)

var (
	allowed = &answer{code: http.StatusOK, Action: "allow", Status: http.StatusOK}
	banned  = &answer{code: http.StatusForbidden, Action: "ban", Status: http.StatusForbidden}
)

// parseAnswer reads a response with this status code and body. The result has no Action
// if the body is not an answer: see check.
func parseAnswer(code int, body []byte) *answer {
	switch {
	case code == http.StatusOK && string(body) == plainAllow:
		return allowed
	case code == http.StatusForbidden && string(body) == plainBan:
		return banned
	}
	a := new(answer)
	err := json.Unmarshal(body, a)
	wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if ok && wrongType.Field != "" && a.Action != "" {
		err, a.damaged = nil, true
	}
	if err != nil || a.Action == "" {
		*a = answer{garbage: strings.TrimSpace(string(body)) != ""}
	}
	a.code, a.Action = code, strings.ToLower(a.Action)
	return a
}

var (
	errBusy         = errors.New("too many requests to AppSec at once")
	errPutOff       = errors.New("requests of its network have just made AppSec late")
	errPaused       = errors.New("AppSec hangs: it gets one request at a time until it answers")
	errUnauthorized = errors.New("status 401, twice: AppSec does not accept the key, or cannot reach its Local API: " +
		"`cscli bouncers list` shows the keys, `cscli bouncers add NAME` makes one")
	errNoAnswer = errors.New("the answer is not one of AppSec's: is the URL right?")
)

// check sets a missing action from the status code, or returns why the answer is
// invalid.
func (a *answer) check() (Failure, error) {
	switch {
	case a.Action != "":
		return 0, nil
	case a.code == http.StatusForbidden: // whatever the body says: fail closed
		a.Action, a.Status = "ban", a.code
		return 0, nil
	case a.code/100 == 2 && !a.garbage:
		a.Action = "allow"
		return 0, nil
	case a.code == http.StatusUnauthorized:
		return Unauthorized, errUnauthorized
	case a.code >= 500:
		return ServerError, fmt.Errorf("status %d", a.code)
	}
	return BadAnswer, fmt.Errorf("status %d: %w", a.code, errNoAnswer)
}

var errFraming = errors.New("the answer is not HTTP, or is incomplete")

// failureOf returns the kind of failure of err.
func failureOf(err error) Failure {
	var timeout net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return Late
	case errors.Is(err, errFraming):
		return BadAnswer
	}
	return Unreachable
}
