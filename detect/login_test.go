package detect

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"mime/multipart"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

func TestLogin(t *testing.T) {
	const cookie = "wordpress_logged_in_5f3e="
	right := step{target: "/wp-login.php", body: wpLogin("admin", "x"), status: 302, cookie: cookie + "admin%7C1; path=/"}
	wrong := step{target: "/wp-login.php", body: wpLogin("admin", "x")}
	change := func(s step, change func(*step)) step { change(&s); return s }
	for _, row := range []struct {
		name string
		step step
		want string
	}{
		{"the cookie is set", right, loginSuccess},
		{"it is set with 200", change(right, func(s *step) { s.status = 200 }), loginSuccess},
		{"it is set by a shop", change(right, func(s *step) { s.target = "/my-account/" }), loginSuccess},
		{"it is set by the answer to a GET", change(right, func(s *step) { s.method = "GET" }), loginSuccess},
		{"it is to last", change(right, func(s *step) { s.cookie += "; Max-Age=1209600; expires=Fri, 01 Jan 2100 00:00:00 GMT" }), loginSuccess},
		{"Max-Age counts, not the date", change(right, func(s *step) { s.cookie += "; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=5" }), loginSuccess},
		{"Max-Age counts, not the date, to delete as well", change(right, func(s *step) { s.cookie += "; expires=Fri, 01 Jan 2100 00:00:00 GMT; max-age=0" }), loginFailure},
		{"it is empty", change(right, func(s *step) { s.cookie = cookie }), loginFailure},
		{"it is blank", change(right, func(s *step) { s.cookie = cookie + " ; path=/" }), loginFailure},
		{"it is an escaped blank", change(right, func(s *step) { s.cookie = cookie + "%20; path=/" }), loginFailure},
		{"it has expired", change(right, func(s *step) { s.cookie += "; expires=Thu, 01-Jan-2026 00:00:00 GMT" }), loginFailure},
		{"it has expired by less than nothing", change(right, func(s *step) { s.cookie += "; Max-Age=-1" }), loginFailure},
		{"another cookie is set", change(right, func(s *step) { s.cookie = "wordpress_test_cookie=x" }), loginFailure},
		{"one whose name only holds it", change(right, func(s *step) { s.cookie = "x_" + s.cookie }), loginFailure},

		{"none is, with 200", wrong, loginFailure},
		{"none is, with 302", change(wrong, func(s *step) { s.status = 302 }), loginFailure},
		{"none is, for there is no such script", change(wrong, func(s *step) { s.status = 404 }), loginFailure},
		{"none is, for WordPress is down", change(wrong, func(s *step) { s.status = 503 }), ""},
		{"a GET with the fields in its query", step{target: "/wp-login.php?log=a&pwd=b"}, ""},
		{"a POST with them there", step{target: "/wp-login.php?log=a&pwd=b", body: "x=y"}, ""},
		{"a name without a password", change(wrong, func(s *step) { s.body = "log=admin" }), ""},
		{"a password without a name", change(wrong, func(s *step) { s.body = "pwd=x" }), ""},
		{"a file by the name of the field", change(wrong, func(s *step) {
			s.form, s.body = mediaMultipart, "Content-Disposition: form-data; name=log\n\na\n--x\nContent-Disposition: form-data; name=pwd; filename=x\n\nb\n--x"
		}), ""},
		{"another script", change(wrong, func(s *step) { s.target = "/index.php/wp-login.php" }), loginTry},
		{"a name that ends like it", change(wrong, func(s *step) { s.target = "/my-wp-login.php" }), loginTry},
		{"another spelling is another file", change(wrong, func(s *step) { s.target = "/WP-LOGIN.PHP" }), loginTry},
		{"a body that PHP does not read", change(wrong, func(s *step) { s.form = "text/plain" }), ""},
		{"a body without a type", change(wrong, func(s *step) { s.form = " " }), loginFailure},
		{"a body that was cut short before the name", step{target: "/wp-login.php", body: "x=yyy", cut: true}, loginFailure},
		{"a body that was not kept, for something else", step{target: "/wp-login.php?action=register", form: mediaForm}, ""},
		{"a body that was not kept", step{target: "/wp-login.php?action=login", form: mediaForm}, loginFailure},
		{"another form of a shop", step{target: "/my-account/", body: "username=a&password=b"}, loginTry},
		{"the login form of a shop", step{target: "/my-account/", body: "username=a&password=b&woocommerce-login-nonce=1"}, loginFailure},

		{"a form, and 401", step{target: "/in", body: "user=a&password=b", status: 401}, loginFailure},
		{"a form, and 403", step{target: "/in", body: "e-mail=a&passwd=b", status: 403}, loginFailure},
		{"a form, and 200", step{target: "/in", body: "user=a&password=b"}, loginTry},
		{"a form, and 400", step{target: "/in", body: "user=a&password=b", status: 400}, loginFailure},
		{"a form, and 404", step{target: "/in", body: "user=a&password=b", status: 404}, ""},
		{"a form, and 429", step{target: "/in", body: "user=a&password=b", status: 429}, ""},
		{"a form without a password, and 403", step{target: "/comment", body: "user=a&text=password", status: 403}, ""},
		{"JSON, and 401", step{target: "/in", form: mediaJSON, body: `{"a":[1,{"Email":"x","PassWord":12}]`, status: 401}, loginFailure},
		{"JSON without a password", step{target: "/in", form: mediaJSON, body: `{"a":["password","x"],"token":"y"}`, status: 401}, ""},
		{"nothing at all, and 401", step{target: "/api", method: "POST", form: mediaJSON, status: 401}, ""},
		{"a form that nobody read, where people log in", step{target: "/user/Login", method: "POST", status: 401}, loginFailure},
		{"a form that nobody read, elsewhere", step{target: "/user", method: "POST", status: 401}, ""},
		{"Basic, and 401", step{target: "/", auth: "a:b", status: 401}, loginFailure},
		{"Basic, and 403", step{target: "/", auth: "a:b", status: 403}, loginTry},
		{"Basic with POST, and 403", step{target: "/", method: "POST", auth: "a:b", status: 403}, loginFailure},
		{"a token that is wrong", step{target: "/", method: "POST", auth: "Bearer x", status: 401}, loginFailure},
		{"a JSON Web Token that has expired", step{target: "/", method: "POST", auth: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", status: 401}, ""},
		{"nothing to show yet", step{target: "/", status: 401}, ""},
	} {
		if got := fieldsOf(row.step.event(began))["Meta.login"]; got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// A user name is stored as a hash that cannot be reversed.
func TestLoginNames(t *testing.T) {
	user := func(s step) string { return fieldsOf(s.event(began))["Meta.login_user"] }
	try := func(s step) string { return fieldsOf(s.event(began))["Meta.login_try"] }
	admin := step{target: "/wp-login.php", body: wpLogin("admin", "x")}
	name := user(admin)
	if len(name) != 16 || strings.Contains(name, "admin") || user(admin) != name {
		t.Fatalf("%q stands for admin", name)
	}
	for _, row := range []struct {
		name string
		step step
		same bool
	}{
		{"in other letters", step{target: "/wp-login.php", body: wpLogin("ADMIN", "y")}, true},
		{"in parts", step{target: "/wp-login.php", form: mediaMultipart, body: "Content-Disposition: form-data; name=log\n\nadmin\n--"}, true},
		{"with another field before it", step{target: "/wp-login.php", body: "log=admin&pwd=x&email=decoy"}, true},
		{"twice, of which the last one counts", step{target: "/wp-login.php", body: "log=decoy&log=admin&pwd=x"}, true},
		{"by Basic", step{target: "/", auth: "admin:z", status: 401}, true},
		{"in JSON", step{target: "/in", form: mediaJSON, body: `{"username":"\u0061dmin","password":"x"`, status: 401}, true},
		{"another one", step{target: "/wp-login.php", body: wpLogin("marie", "x")}, false},
		{"none", step{target: "/wp-login.php", body: "log=&pwd=x"}, false},
	} {
		if got := user(row.step); (got == name) != row.same {
			t.Errorf("%s: %q, and admin is %q", row.name, got, name)
		}
	}
	other := step{target: "/wp-login.php", body: wpLogin("admin", "y")}
	if first, again := try(admin), try(admin); first != again || first == try(other) || first == name {
		t.Errorf("tries: %q, again %q, and another one %q", first, again, try(other))
	}
}

func TestXMLRPC(t *testing.T) {
	for _, row := range []struct{ name, body, method, calls string }{
		{"a call", xmlCall("wp.getPosts", "<int>1</int>", xmlString("a"), "b"), "wp.getPosts", absent},
		{"entities", xmlCall("wp.getUsers&#66;logs"), "wp.getUsersBlogs", absent},
		{"marked text", xmlCall("<![CDATA[ demo.sayHello ]]>"), "demo.sayHello", absent},
		{"another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>` + xmlCall("demo.sayHello")[21:], "demo.sayHello", absent},
		{"two names, of which WordPress takes the last", xmlCall("demo.sayHello", "<methodName>wp.getUsersBlogs</methodName>"), "wp.getUsersBlogs", absent},
		{"an entity that there is not", xmlCall("demo&none;"), "demo&none;", absent},
		{"a bundle", xmlBundle(50), "system.multicall", "50"},
		{"a bundle of none", xmlBundle(0), "system.multicall", "0"},
		{"a bundle that was cut short", xmlBundle(50)[:3000], "system.multicall", fmt.Sprint(strings.Count(xmlBundle(50)[:3000], "methodName</name>"))},
		{"a larger one than there is room for", xmlBundle(400), "system.multicall", fmt.Sprint(strings.Count(xmlBundle(400)[:16_384], "methodName</name>"))},
		{"no call", "<a><b>c</b></a>", absent, absent},
		{"no XML", "log=admin", absent, absent},
		{"none that is open", "<methodCall><methodName>x", absent, absent},
	} {
		fields := fieldsOf(step{target: "/xmlrpc.php", form: "text/xml", body: row.body}.event(began))
		for key, want := range map[string]string{"Parsed.xmlrpc_method": row.method, "Parsed.xmlrpc_calls": row.calls} {
			got, ok := fields[key]
			if !ok {
				got = absent
			}
			if got != want {
				t.Errorf("%s: %s is %q, want %q", row.name, key, got, want)
			}
		}
	}
	elsewhere := fieldsOf(step{target: "/rpc", form: "text/xml", body: xmlCall("x")}.event(began))
	if m, ok := elsewhere["Parsed.xmlrpc_method"]; ok {
		t.Errorf("a call of another script calls %q", m)
	}
}

func TestFormAction(t *testing.T) {
	for _, row := range []struct {
		step step
		want string
	}{
		{step{target: "/a?action=b"}, "b"},
		{step{target: "/a?%61ction=b%20c&x=y"}, "b c"},
		{step{target: "/a?action=b", body: "action=c"}, "c"},
		{step{target: "/a?reaction=b"}, ""},
		{step{target: "/a", form: mediaMultipart, body: "\nContent-Disposition: form-data; name=\"action\"\n\nc\r\n--x"}, "c"},
		{step{target: "/a", body: "action=%zz+"}, "%zz "},
	} {
		if got := fieldsOf(row.step.event(began))["Parsed.form_action"]; got != row.want {
			t.Errorf("%s %q: %q, want %q", row.step.target, row.step.body, got, row.want)
		}
	}
}

// A view is used again, and meanwhile lies about.
func TestNoPasswordStaysBehind(t *testing.T) {
	p := compile(builtinRules(t), testIDs())
	for _, s := range []step{
		{target: "/wp-login.php", body: wpLogin("admin", "hunter2")},
		{target: "/xmlrpc.php", form: "text/xml", body: xmlCall("wp.getUsersBlogs", "admin", "hunter2")},
	} {
		v := p.open(s.event(began), netip.MustParsePrefix("192.0.2.1/32"))
		if try, ok := v.loginTry(); !ok {
			t.Errorf("%s: nobody tries anything: %q", s.target, try)
		}
		v.close()
		if left := fmt.Sprintf("%+v", *v); strings.Contains(left, "hunter2") {
			t.Errorf("%s: %s", s.target, left)
		}
	}
}

// A GET and a picture cost nothing.
func TestAGetHasNoLogin(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random")
	}
	p := compile(builtinRules(t), testIDs())
	e := step{target: "/wp-content/uploads/2024/05/a.jpg?x=1"}.event(began)
	if n := testing.AllocsPerRun(100, func() {
		v := p.open(e, event.ClientOf(e.Client))
		v.login()
		v.xmlrpc()
		v.formAction()
		v.loginUser()
		v.loginTry()
		v.close()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLogin feeds bodies of all kinds, and holds what comes out against what the
// libraries of Go make of the body, as far as they like it.
func FuzzLogin(f *testing.F) {
	for _, ct := range []string{mediaForm, mediaJSON, mediaMultipart + "; boundary=x", "text/xml", "", "a/b;c"} {
		for _, body := range []string{
			wpLogin("admin", "x"), `{"user":{"password":1}}`, xmlBundle(2), "--x\r\nContent-Disposition: form-data; name=\"log\"\r\n\r\na\r\n--x--\r\n",
			"log[]=a&pwd=%", "[[[[[", `{"a":`, "<a><b", "\x00=\xff", "Content-Disposition: form-data; name=\"",
		} {
			f.Add(ct, body, "wordpress_logged_in_x=a; Max-Age=3", "Basic "+base64.StdEncoding.EncodeToString([]byte("a:b")), 401)
		}
	}
	f.Fuzz(func(t *testing.T, ct, body, cookie, auth string, status int) {
		for _, target := range []string{"/wp-login.php", "/xmlrpc.php", "/login?action=x"} {
			e := step{target: target, method: "POST", form: ct, body: body, cookie: cookie, status: status}.event(began)
			if auth != "" {
				e.Request.Set("Authorization", auth)
			}
			fields := fieldsOf(e)
			for _, key := range []string{"Meta.login_user", "Meta.login_try"} {
				if alias, ok := fields[key]; ok && len(alias) != 16 {
					t.Errorf("%s is %q", key, alias)
				}
			}
			if login := fields["Meta.login"]; login == loginSuccess && cookie == "" {
				t.Error("success without a cookie")
			}
			if n := len(fields["Parsed.xmlrpc_method"]); n > 256 {
				t.Errorf("a method of %d bytes", n)
			}
		}
		form, err := url.ParseQuery(body)
		if err != nil || len(body) > 16_384 {
			return
		}
		e := step{target: "/a", body: body, form: mediaForm}.event(began)
		if actions := form["action"]; len(actions) > 0 && !strings.ContainsAny(body, "\x00;") && !strings.Contains(body, "%00") {
			if want, got := actions[len(actions)-1], fieldsOf(e)["Parsed.form_action"]; want != "" && got != want && !strings.Contains(body, "+action") && !strings.Contains(body, " action") && !strings.Contains(body, "%20") {
				t.Errorf("action %q, want %q", got, want)
			}
		}
	})
}

// FuzzParts holds our reading of forms in parts against a writer's of them: what
// Go writes is read as it was, whatever the boundary.
func FuzzParts(f *testing.F) {
	f.Add("log", "admin", "pwd", "x\r\ny")
	f.Add("a", "--", "b", "\n-")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2 string) {
		if strings.ContainsAny(key1+key2, "\r\n\"\\;='%\x00") || strings.TrimSpace(key1) != key1 || strings.TrimSpace(key2) != key2 {
			return // it is for those who read the name to agree on what it is
		}
		if strings.Contains("\n"+value1+value2, "\n--") {
			return // this might be a boundary
		}
		var body strings.Builder
		w := multipart.NewWriter(&body)
		for _, pair := range [][2]string{{key1, value1}, {key2, value2}} {
			if err := w.WriteField(pair[0], pair[1]); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		var got []string
		eachPart([]byte(body.String()), func(key, value string) { got = append(got, key, value) })
		if want := []string{key1, value1, key2, value2}; fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q, want %q, of\n%s", got, want, body.String())
		}
	})
}

// FuzzXMLRPC holds the name of the method against a writer's of it.
func FuzzXMLRPC(f *testing.F) {
	f.Add("wp.getUsersBlogs", 3)
	f.Fuzz(func(t *testing.T, method string, n int) {
		var escaped strings.Builder
		if err := xml.EscapeText(&escaped, []byte(method)); err != nil || len(method) > 256/2 || strings.ContainsRune(method, 0xfffd) {
			return
		}
		if strings.Contains(escaped.String(), "\ufffd") {
			return // there is no such letter in XML
		}
		var c call
		c.read([]byte(xmlCall(escaped.String())))
		if want := strings.TrimSpace(method); c.method != want {
			t.Errorf("method %q, want %q", c.method, want)
		}
		n = min(max(n, 0), 40)
		c = call{}
		if c.read([]byte(xmlBundle(n))); c.calls != n {
			t.Errorf("%d calls, want %d", c.calls, n)
		}
	})
}
