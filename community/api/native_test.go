package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

func TestJoin(t *testing.T) {
	d := open(t)
	post := func(body string) (int, string) {
		w := d.do("POST", "/api/v1/join", body)
		return w.Code, w.Body.String()
	}
	for _, row := range []struct {
		name, body string
		code       int
		want       string
	}{
		{"without terms", `{"invitation":"invitation","name":"edge"}`, 200, `{"terms":"2026-11","terms_url":"https://blocklist.example.org/terms","name":"example"}`},
		{"old terms", `{"invitation":"invitation","name":"edge","terms":"1"}`, 200, `{"terms":"2026-11","terms_url":"https://blocklist.example.org/terms","name":"example"}`},
		{
			"a member", `{"invitation":"invitation","name":"edge","terms":"2026-11","agent":"tocsin/0.3.0"}`, 200,
			`{"key":"new-key","login":"m1","terms":"2026-11","terms_url":"https://blocklist.example.org/terms","name":"example"}`,
		},
		{"no invitation", `{"name":"edge","terms":"2026-11"}`, 403, `{"message":"this invitation is unknown, used or has ended"}`},
		{"no name", `{"invitation":"invitation","terms":"2026-11"}`, 400, `{"message":"not valid"}`},
		{"no JSON", `x`, 400, `{"message":"the body is not the JSON that is expected here: see byte 1"}`},
		{"another type", `{"invitation":"invitation","name":12}`, 400, `{"message":"the body is not the JSON that is expected here: see byte 36, a number"}`},
	} {
		code, got := post(row.body)
		equal(t, row.name, fmt.Sprint(code, " ", got), fmt.Sprint(row.code, " ", row.want))
	}
}

func TestNativeSignals(t *testing.T) {
	d := open(t)
	good := func(change ...string) string {
		s := `{"address":"203.0.113.7","scenario":"crowdsecurity/http-probing","first":"2026-11-30T09:58:00Z","last":"2026-11-30T09:59:00Z","count":4}`
		return strings.NewReplacer(change...).Replace(s)
	}
	const noName = "scenario is no name: want author/name of letters, digits, dots, dashes and underscores, 128 characters at most"
	rows := []struct{ signal, want string }{ // want: why it is refused
		{good(), ""},
		{good("203.0.113.7", "::ffff:203.0.113.8"), ""},
		{good("203.0.113.7", "2001:db8:1:2:3::4"), ""},
		{good("203.0.113.7", "2001:db8:1:2::/64"), ""},
		{good("203.0.113.7", "203.0.113.0/24"), "address is neither an address nor a /64 of IPv6"},
		{good("203.0.113.7", "x"), "address is neither an address nor a /64 of IPv6"},
		{good("203.0.113.7", "192.0.2.66"), "too old"},
		{good("crowdsecurity/http-probing", "a b"), noName},
		{good("crowdsecurity/http-probing", "a/b?q=secret"), noName},
		{good("crowdsecurity/http-probing", "a/"+strings.Repeat("b", 127)), noName},
		{good("crowdsecurity/http-probing", "a/b/c"), noName},
		{good(`"count":4`, `"count":0`), "count is not 1 or more"},
		{good("09:59", "09:57"), "first and last are not a time from the first to the last"},
		{good(`"count"`, `"hash":"xyz","count"`), "hash is not a SHA-256 in hexadecimal"},
		{good(`"count"`, `"hash":"`+strings.Repeat("AB", 32)+`","reflected":true,"early_data":true,"manual":true,"count"`), ""},
	}
	var all, refused []string
	for i, row := range rows {
		all = append(all, row.signal)
		if row.want != "" {
			refused = append(refused, fmt.Sprintf(`{"index":%d,"reason":"%s"}`, i, row.want))
		}
	}
	w := d.do("POST", "/api/v1/signals", `{"signals":[`+strings.Join(all, ",")+`]}`, key("member-key"))
	equal(t, "the answer", d.body(w), `{"accepted":5,"refused":[`+strings.Join(refused, ",")+`]}`)
	var units []string
	for _, s := range d.centre.accepted {
		units = append(units, s.Unit.String())
	}
	equal(t, "units", strings.Join(units, " "), "203.0.113.7/32 203.0.113.8/32 2001:db8:1:2::/64 2001:db8:1:2::/64 203.0.113.7/32")
	want := community.Signal{
		Unit: prefix("203.0.113.7"), Scenario: "crowdsecurity/http-probing", Hash: strings.Repeat("ab", 32), Count: 4,
		First: start.Add(-2 * time.Minute), Last: start.Add(-time.Minute), Flags: community.Reflected | community.EarlyData | community.Manual,
	}
	equal(t, "with all fields", d.centre.accepted[4], want)
	for _, body := range []string{``, `[]`, `{}`, `{"signals":null}`, `{"signals":{}}`, `{"signals":[1]}`, `{"signals":[{"count":"x"}]}`, `{"signals":[{}],`} {
		status(t, body, d.do("POST", "/api/v1/signals", body, key("member-key")), 400)
	}
	equal(t, "none", d.body(d.do("POST", "/api/v1/signals", `{"signals":[]}`, key("member-key"))), `{"accepted":0}`)
}

func TestQuestionsAndStanding(t *testing.T) {
	d := open(t)
	equal(t, "questions", d.body(d.get("/api/v1/questions", key("member-key"))), `{"id":"q1","units":["192.0.2.1/32"],"until":"2026-11-30T10:00:00Z"}`)
	body := `{"id":"q1","answers":[{"unit":"192.0.2.1/32","last":"2026-11-30T09:00:00Z","count":8,"page":"/secret"},{"unit":"everybody","last":"2026-11-30T09:00:00Z","count":8}]}`
	equal(t, "answers", d.body(d.do("POST", "/api/v1/answers", body, key("member-key"))), "{}")
	equal(t, "what the centre gets", fmt.Sprint(d.centre.answered), fmt.Sprint([]community.Answer{{Unit: prefix("192.0.2.1"), Last: start.Add(-time.Hour), Count: 8}}))
	equal(t, "standing", d.body(d.get("/api/v1/standing", key("member-key"))),
		`{"state":"vouched","established":false,"trust":"0.85","why":["young"],"reports":0,"confirmed":0,"own":["192.0.2.7/32"]}`)
	many := `{"id":"q1","answers":[` + strings.Repeat(`{},`, 1000) + `{}]}`
	status(t, "too many answers", d.do("POST", "/api/v1/answers", many, key("member-key")), 413)
}
