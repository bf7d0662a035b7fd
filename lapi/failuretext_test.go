package lapi

import (
	"errors"
	"fmt"
	"testing"
)

func TestTheLogSaysWhatTheLocalAPIAnswered(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"nothing", errors.New("connection refused"), "no answer from the local API: its decisions stay in force until they expire"},
		{"a wrong key", fmt.Errorf("asking: %w", &refusal{code: 403}), "the local API refuses the key (status 403): " +
			"its decisions stay in force until they expire; make a new key with `cscli bouncers add NAME`"},
		{"a failure of its own", &refusal{code: 500}, "the local API answered with status 500: its decisions stay in force until they expire"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := failureText(row.err); got != row.want {
				t.Errorf("got %q; want %q", got, row.want)
			}
		})
	}
}
