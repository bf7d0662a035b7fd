package caddymodule

import (
	"net/http"
	"testing"
)

func TestReady(t *testing.T) {
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nhandle /healthz {\ntocsin_ready\n}\nrespond ok\n}"
	expect := func(status int, body string) {
		t.Helper()
		a := h.get(allowed, "/healthz")
		if a.status != status || a.body != body+"\n" ||
			a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%+v, want %d and %s", a, status, body)
		}
	}
	config := globals("blocklist {DIR}/one.txt\nblocklist {DIR}/two.txt\nsnapshot off") + site
	h.load(config)
	expect(503, `{"ready":false,"reason":"list:one.txt has not been in sync yet; list:two.txt has not been in sync yet"}`)
	h.list("two.txt", banned)
	h.waitSynced("list:two.txt")
	expect(503, `{"ready":false,"reason":"list:one.txt has not been in sync yet"}`)
	// Neither another config makes it so, nor another engine with the table of one
	// that was not ready.
	h.load(globals("blocklist {DIR}/one.txt\nblocklist {DIR}/two.txt\nsnapshot off\nallow 203.0.113.1") + site)
	expect(503, `{"ready":false,"reason":"list:one.txt has not been in sync yet"}`)
	h.load(globals("blocklist {DIR}/one.txt\nsnapshot off") + site)
	expect(503, `{"ready":false,"reason":"list:one.txt has not been in sync yet"}`)
	h.list("one.txt", "192.0.2.2")
	h.waitSynced("list:one.txt")
	expect(200, `{"ready":true}`)
	if a, err := h.do(h.request(http.MethodHead, allowed, "/healthz")); err != nil || a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %+v, %v", a, err)
	}
	if a := h.get(allowed, "/"); a.body != "ok" {
		t.Errorf("the site answers %+v", a)
	}
}
