package lapitest

import (
	"fmt"
	"strings"
	"testing"
)

// A Central is a central API, and the account that a server has there.
type Central struct{ URL, Login, Password string }

// credentials returns the file that CrowdSec reads. It wants a slash at the end of the URL.
func (c *Central) credentials() string {
	return fmt.Sprintf("url: %q\nlogin: %q\npassword: %q\n", strings.TrimRight(c.URL, "/")+"/", c.Login, c.Password)
}

// RealOnline is Real with a central API: the server sends all its signals there, also those of
// decisions that are typed, and pulls its list as soon as a machine has logged in with a
// scenario.
func RealOnline(tb testing.TB, central Central) *RealServer {
	tb.Helper()
	return realServer(tb, TLSFiles{}, central)
}
