package detect

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// alikeTo returns the answer of an application that leads everybody to its start page,
// with a session, whatever was tried.
func alikeTo(name, password string) step {
	return step{target: "/do_login.php", body: "usr=" + name + "&pwd=" + password, status: 302, location: "/", cookie: "PHPSESSID=x; path=/"}
}

// If an application answers a wrong password like the right one, a guessing client is
// recognised by what it does next: nothing, or the same for each password of one name.
func TestLoginsThatNobodyUsesAreGuesses(t *testing.T) {
	oneName := func(i int) step { return alikeTo("admin", fmt.Sprint("p", i)) }
	manyNames := func(i int) step { return alikeTo(letters(i), fmt.Sprint("p", i)) }
	with := func(next func(int) step, others ...step) func(int) []step {
		return func(i int) []step { return append([]step{next(i)}, others...) }
	}
	home := step{target: "/", size: 7000}
	for _, row := range []struct {
		name string
		gap  time.Duration
		next func(i int) []step
		most int // tries
	}{
		{"one name", time.Second, with(oneName), 10},
		{"one name, ten in a minute, as if each were refused", 6 * time.Second, with(oneName), 16},
		{"a name each", 200 * time.Millisecond, with(manyNames), 10},
		{"a name each, by a tool that follows redirects", 200 * time.Millisecond, with(manyNames, home), 10},
		{"a name each, by one that reads the form first", 200 * time.Millisecond, with(manyNames, step{target: "/login.php", size: 3000}), 10},
		{"one name, and a page after each", time.Second, with(oneName, home, step{target: "/about", size: 900}), 10},
		{"a name each, and no session", 200 * time.Millisecond, with(func(i int) step { s := manyNames(i); s.cookie = ""; return s }), 10},
		{"a name each, 200 and a page", 200 * time.Millisecond, with(func(i int) step { s := manyNames(i); s.status, s.answer, s.cookie = 200, wrongPage, ""; return s }), 10},
		{"an address and a name each", 2 * time.Second, with(elsewhere(manyNames)), 40},
		{"a name each, at a person's pace", 6 * time.Second, with(manyNames), 80},
		{"an address each, one name", 2 * time.Minute, with(elsewhere(oneName)), 30},
	} {
		d, at, tries := New(Config{Rules: builtinRules(t)}), began, 0
		alerted := false
		for i := 0; i < 120 && !alerted; i++ {
			tries++
			for _, s := range row.next(i) {
				e := s.event(at)
				alerted = alerted || len(slices.Concat(d.Request(e), d.Response(e))) > 0
			}
			at = at.Add(row.gap)
		}
		if !alerted || tries > row.most {
			t.Errorf("%s: alerted %t, after %d tries, want by %d", row.name, alerted, tries, row.most)
		}
	}
}

// People and programs that use what they log in for are not asked for anything, however
// many there are behind one address.
func TestLoginsThatAreUsed(t *testing.T) {
	inJSON := func(name string) step {
		return step{target: "/api/login", form: mediaJSON, body: `{"email":"` + name + `","password":"p` + name + `"}`, media: mediaJSON, answer: `{"message":"hello"}`}
	}
	call := func(i int) step {
		return step{target: "/api/orders/" + letters(i), media: mediaJSON, answer: `{"n":1}`, auth: "Bearer t" + letters(i)}
	}
	for _, row := range []struct {
		name string
		gap  time.Duration
		n    int
		next func(i int) []step
	}{
		{"an office of 40 at nine o'clock", 15 * time.Second, 40, func(i int) []step {
			return []step{{target: "/login.php", size: 3000}, alikeTo(letters(i), "right"), {target: "/", size: 7000}, page(i % 5)}
		}},
		{"the same, all within a minute and a half", 2 * time.Second, 40, func(i int) []step {
			return []step{{target: "/login.php", size: 3000}, alikeTo(letters(i), "right"), {target: "/", size: 7000}, page(i % 5)}
		}},
		{"an office of 50 who see the page after the login only", 2 * time.Second, 50, func(i int) []step {
			return []step{alikeTo(letters(i), "right"), {target: "/", size: 7000}}
		}},
		{"an office of 45 of whom nothing else is known", 6 * time.Second, 45, func(i int) []step {
			return []step{alikeTo(letters(i), "right")}
		}},
		{"the same, and some mistype", 2 * time.Second, 40, func(i int) []step {
			steps := []step{alikeTo(letters(i), "right"), {target: "/", size: 7000}, page(i % 5)}
			if i%5 == 0 {
				steps = append([]step{alikeTo(letters(i), "wrong"), {target: "/", size: 7000}}, steps...)
			}
			return steps
		}},
		{"programs that log in anew for each call, and use the token", 0, 200, func(i int) []step {
			return []step{inJSON(letters(i % 9)), call(i)}
		}},
		{"a monitor that only logs in", time.Second, 200, func(int) []step { return []step{alikeTo("monitor", "right")} }},
		{"40 people by way of an identity provider", 2 * time.Second, 40, func(i int) []step {
			s := step{target: "/idp/signin", body: "username=" + letters(i) + "&password=x" + letters(i), status: 302, location: "https://app.example/cb?code=x", cookie: "idp=x"}
			return []step{{target: "/idp/signin?client=app", size: 3000}, s}
		}},
		{"40 people by SAML", 2 * time.Second, 40, func(i int) []step {
			return []step{{target: "/idp/sso", body: "j_username=" + letters(i) + "&j_password=x" + letters(i), answer: `<form method="post"><input name="SAMLResponse" value="x"></form>`}}
		}},
		{"a form that is known to answer a wrong password otherwise", 2 * time.Second, 40, func(i int) []step {
			s := step{target: "/login", body: "user=" + letters(i) + "&password=x", status: 302, location: "/", cookie: "s=x"}
			if i == 0 {
				s.location = "/login"
			}
			return []step{s}
		}},
		{"somebody with a password for once, from a token", 3 * time.Minute, 12, func(i int) []step {
			return []step{alikeTo("anna", fmt.Sprintf("pin%06d", i*7919)), {target: "/", size: 7000}, page(i)}
		}},
	} {
		d, at := New(Config{Rules: builtinRules(t)}), began
		for i := range row.n {
			for _, s := range row.next(i) {
				e := s.event(at)
				for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
					t.Errorf("%s: %s at %d", row.name, a.Scenario, i+1)
				}
			}
			at = at.Add(row.gap)
		}
	}
}

// A login in doubt gives no standing.
func TestADoubtfulLoginGivesNoStanding(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	play(d, 0, times(5, func(i int) step { return alikeTo(letters(i), "x") })...)
	if d.clients.isKnown(clientAt("192.0.2.1"), began.UnixNano()) {
		t.Error("who guesses is known")
	}
}

// message returns the last message of NTLM for a name, with what a client proves by it.
func message(name, proof string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(name)) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	m := binary.LittleEndian.AppendUint32([]byte("NTLMSSP\x00"), 3)
	m = append(m, make([]byte, 24)...)
	m = binary.LittleEndian.AppendUint16(m, uint16(len(text)))
	m = binary.LittleEndian.AppendUint16(m, uint16(len(text)))
	m = binary.LittleEndian.AppendUint32(m, 64)
	m = append(m, make([]byte, 64-len(m))...)
	return base64.StdEncoding.EncodeToString(append(append(m, text...), proof...))
}

func TestNTLM(t *testing.T) {
	whole := message("anna", "abc")
	for _, row := range []struct{ name, field, kind, user string }{
		{"what shows a password", "NTLM " + whole, kindDigest, alias("user", "anna")},
		{"by way of Negotiate", "Negotiate " + whole, kindDigest, alias("user", "anna")},
		{"the first message", "NTLM " + base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x01\x00\x00\x00"+strings.Repeat("\x00", 40))), "", ""},
		{"Kerberos", "Negotiate YIIB", "", ""},
		{"none", "NTLM !", "", ""},
		{"a name that is somewhere else", "NTLM " + base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x03\x00\x00\x00"+strings.Repeat("\xff", 40))), kindDigest, ""},
	} {
		fields := fieldsOf(step{target: "/ews/exchange.asmx", method: "POST", auth: row.field, status: 401}.event(began))
		if fields["Meta.login_kind"] != row.kind || fields["Meta.login_user"] != row.user {
			t.Errorf("%s: %q of %q, want %q of %q", row.name, fields["Meta.login_kind"], fields["Meta.login_user"], row.kind, row.user)
		}
	}
	next := func(i int) step {
		return step{target: "/ews/exchange.asmx", method: "POST", auth: "NTLM " + message("anna", letters(i)), status: 401}
	}
	if at := firstAlert(New(Config{Rules: builtinRules(t)}), "http-digest-bf", time.Second, 40, next); at != 16 {
		t.Errorf("guesses by NTLM are seen at %d, want 16", at)
	}
}

// What of a body that is no form names a password.
func TestBodiesThatAreNoForms(t *testing.T) {
	for _, row := range []struct {
		name string
		step step
		kind string
	}{
		{"XML", step{target: "/x", form: "text/xml", body: "<a><userName>a</userName><password>b</password></a>"}, kindForm},
		{"SOAP that names its user with each call", step{target: "/x", form: "text/xml", body: "<wsse:UsernameToken><wsse:Username>a</wsse:Username><wsse:Password>b</wsse:Password></wsse:UsernameToken>"}, ""},
		{"arguments of what logs in", step{target: "/rpc", form: mediaJSON, body: `{"method":"auth.login","params":["b"]}`}, kindForm},
		{"of something else", step{target: "/rpc", form: mediaJSON, body: `{"method":"core.add","params":["b"]}`}, ""},
		{"a session that is put", step{target: "/api/session", method: "PUT", form: mediaJSON, body: `{"user":"a","password":"b"}`}, kindForm},
		{"a user that is put", step{target: "/api/users/5", method: "PUT", form: mediaJSON, body: `{"user":"a","password":"b"}`}, ""},
		{"JSON in a field", step{target: "/x", body: "mode=1&json=%7B%22username%22%3A%22a%22%2C%22password%22%3A%22b%22%7D"}, kindForm},
		{"what Google has signed", step{target: "/x", body: "g_csrf_token=1&credential=eyJhbGciOiJSUzI1NiJ9.e30.x"}, ""},
	} {
		if got := fieldsOf(row.step.event(began))["Meta.login_kind"]; got != row.kind {
			t.Errorf("%s: %q, want %q", row.name, got, row.kind)
		}
	}
}
