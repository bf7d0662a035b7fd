package main

import (
	"fmt"
	"strings"
	"testing"
)

func Example() {
	if err := run([]string{"192.0.2.7", "192.0.2.8", "::ffff:192.0.2.7", "198.51.100.1"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 192.0.2.7: ban, as part of 192.0.2.7/32: password guessing
	// 192.0.2.8: captcha, as part of 192.0.2.0/24: a noisy network
	// ::ffff:192.0.2.7: ban, as part of 192.0.2.7/32: password guessing
	// 198.51.100.1: no decision
}

func TestRunNamesWhatIsNoAddress(t *testing.T) {
	if err := run([]string{"example.com"}); err == nil || !strings.Contains(err.Error(), "example.com") {
		t.Errorf("error %v, want one with the argument", err)
	}
}
