package community

import (
	"errors"
	"fmt"
	"time"
)

// Errors that callers distinguish.
var (
	ErrDenied    = errors.New("wrong or unknown credentials")
	ErrSuspended = errors.New("the account is suspended")
	ErrTerms     = errors.New("the current terms are not accepted")
	ErrConflict  = errors.New("the one who decides also reported the address")
	ErrInvalid   = errors.New("not valid")
)

// A TooManyError says that a caller asks too often.
type TooManyError struct {
	Retry time.Duration // when to ask again
}

func (e TooManyError) Error() string {
	return fmt.Sprintf("too many requests: try again in %s", e.Retry.Round(time.Second))
}

// invalid returns an error that wraps [ErrInvalid] and says what to write instead.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}
