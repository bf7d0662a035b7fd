package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

func TestCentralStreams(t *testing.T) {
	d := open(t)
	token := bearer(d.token("member"))
	get := func(target string) string {
		t.Helper()
		body, _, _ := strings.Cut(d.body(d.get(target, token)), `,"links":`)
		return strings.TrimSuffix(body, "}") + "}"
	}
	// A group without decisions, or a list of them, crashes engines.
	equal(t, "nothing, version 3", get("/v3/decisions/stream?startup=true"), `{"new":[],"deleted":[]}`)
	equal(t, "nothing, version 2", get("/v2/decisions/stream?startup=true"), `{"new":[],"deleted":[]}`)
	fill(d.centre)
	d.centre.pass(time.Second)
	equal(t, "version 3", get("/v3/decisions/stream?startup=true&community_pull=false"), `{"new":[`+
		`{"scenario":"http:bruteforce","scope":"ip","decisions":[{"value":"192.0.2.1","duration":"167h59m29s"}]},`+
		`{"scenario":"ssh:bruteforce","scope":"ip","decisions":[{"value":"192.0.2.5","duration":"59m29s"}]},`+
		`{"scenario":"community","scope":"range","decisions":[{"value":"2001:db8::/64","duration":"23h59m59s"}]}],"deleted":[]}`)
	equal(t, "version 2", sameIDs(t, get("/v2/decisions/stream?startup=true")), `{"new":[`+
		`{"duration":"167h59m29s","id":1,"origin":"CAPI","scenario":"http:bruteforce","scope":"Ip","type":"ban","value":"192.0.2.1"},`+
		`{"duration":"23h59m59s","id":1,"origin":"CAPI","scenario":"community","scope":"Range","type":"ban","value":"2001:db8::/64"},`+
		`{"duration":"59m29s","id":1,"origin":"CAPI","scenario":"ssh:bruteforce","scope":"Ip","type":"ban","value":"192.0.2.5"},`+
		`{"duration":"1h59m29s","id":1,"origin":"lists","scenario":"example-captcha","scope":"Ip","type":"captcha","value":"192.0.2.2"}],"deleted":[]}`)

	equal(t, "the next pull", get("/v3/decisions/stream"), `{"new":[],"deleted":[]}`)
	d.centre.put("192.0.2.1", consensus.Allow, 0)
	d.centre.put("192.0.2.5", consensus.Captcha, time.Hour)
	d.centre.put("2001:db8::/64", consensus.Allow, 0)
	d.centre.put("192.0.2.2", consensus.Ban, 168*time.Hour)
	last := d.centre.cursors["central member"]
	equal(t, "what changed", get("/v3/decisions/stream"), `{"new":[`+
		`{"scenario":"http:bruteforce","scope":"ip","decisions":[{"value":"192.0.2.2","duration":"168h0m0s"}]}],`+
		`"deleted":[{"scope":"ip","decisions":["192.0.2.1","192.0.2.5"]},{"scope":"range","decisions":["2001:db8::/64"]}]}`)
	d.centre.cursors["central member"] = last
	equal(t, "what changed, version 2", sameIDs(t, get("/v2/decisions/stream")), `{"new":[`+
		`{"duration":"168h0m0s","id":1,"origin":"CAPI","scenario":"http:bruteforce","scope":"Ip","type":"ban","value":"192.0.2.2"},`+
		`{"duration":"1h0m0s","id":1,"origin":"lists","scenario":"example-captcha","scope":"Ip","type":"captcha","value":"192.0.2.5"}],"deleted":[`+
		`{"duration":"0s","id":1,"origin":"CAPI","scenario":"community","scope":"Ip","type":"ban","value":"192.0.2.1"},`+
		`{"duration":"0s","id":1,"origin":"CAPI","scenario":"community","scope":"Ip","type":"ban","value":"192.0.2.5"},`+
		`{"duration":"0s","id":1,"origin":"CAPI","scenario":"community","scope":"Range","type":"ban","value":"2001:db8::/64"},`+
		`{"duration":"0s","id":1,"origin":"lists","scenario":"example-captcha","scope":"Ip","type":"captcha","value":"192.0.2.2"}]}`)
}

// All engines get the same bytes, so that the list is encoded once.
func TestEnginesShareOneEncoding(t *testing.T) {
	d := open(t)
	fill(d.centre)
	d.centre.accounts["second"] = &account{password: "second-password", role: 2}
	const target = "/v3/decisions/stream?startup=true"
	equal(t, "two engines", d.body(d.get(target, bearer(d.token("second")))), d.body(d.get(target, bearer(d.token("member")))))
}

func TestCentralPosts(t *testing.T) {
	d := open(t)
	token := bearer(d.token("member"))
	for _, version := range []string{"/v2", "/v3"} {
		for _, path := range []string{"/metrics", "/metrics/", "/usage-metrics", "/usage-metrics/"} {
			w := d.do("POST", version+path, `{"apil_version":"v1.4.6","bouncers":[],"machines":[]}`, token)
			equal(t, version+path, d.body(w), `{"message":"OK"}`)
		}
		status(t, "metrics that are no JSON", d.do("POST", version+"/metrics/", `x`, token), 400)
		equal(t, "deletions", d.body(d.do("POST", version+"/decisions/delete", `["a","b"]`, token)), `{"message":"OK"}`)
		status(t, "enrolment", d.do("POST", version+"/watchers/enroll", `{"attachment_key":"k"}`, token), 501)
		status(t, "a reset", d.do("POST", version+"/watchers/reset", `{}`), 501)
	}
}
