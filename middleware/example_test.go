package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// A bare table is enough to protect a handler.
func Example() {
	var table lookup.Table
	table.Replace("mine", []lookup.Decision{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: lookup.Ban}})
	m, err := middleware.New(middleware.Config{
		Lookup: func(_ context.Context, ip netip.Addr) (lookup.Decision, bool) { return table.Lookup(ip) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	for _, address := range []string{"198.51.100.1:1234", "192.0.2.7:1234"} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		m.Handler(site).ServeHTTP(w, r)
		fmt.Println(address, w.Code)
	}
	// Output:
	// 198.51.100.1:1234 200
	// 192.0.2.7:1234 403
}
