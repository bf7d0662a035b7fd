package builtin

import "bytes"

// mostCalls is how many calls that check a secret one request of a person may have.
const mostCalls = 7

// checkWords are what the names of such calls begin with.
var checkWords = [][]byte{
	[]byte("login"), []byte("log_in"), []byte("signin"), []byte("sign_in"), []byte("auth"), []byte("createtoken"), []byte("create_token"), []byte("verify"),
	[]byte("resetpassword"), []byte("reset_password"), []byte("redeem"), []byte("applycoupon"), []byte("apply_coupon"), []byte("otp"), []byte("tokenauth"),
}

// manyCalls reports whether there are more calls that check a secret.
func manyCalls(s []byte) bool {
	n := 0
	for {
		at := bytes.IndexByte(s, '(')
		if at < 0 {
			return false
		}
		if isCheckCall(bytes.TrimRight(s[:at], " ")) {
			if n++; n > mostCalls {
				return true
			}
		}
		s = s[at+1:]
	}
}

func isCheckCall(before []byte) bool {
	start := len(before)
	for start > 0 && isWordByte(before[start-1]) {
		start--
	}
	for _, w := range checkWords {
		if bytes.HasPrefix(before[start:], w) {
			return true
		}
	}
	return false
}
