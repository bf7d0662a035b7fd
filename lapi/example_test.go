package lapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lookup"
)

// A client keeps a table in sync with CrowdSec. Package engine runs clients and owns
// the table.
func ExampleNew() {
	crowdsec := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"new": [{"origin": "cscli", "type": "ban", "scope": "Ip", "value": "192.0.2.1",
			"scenario": "manual ban", "duration": "4h"}], "deleted": []}`)
	}))
	defer crowdsec.Close()
	client, err := lapi.New(lapi.Config{URL: crowdsec.URL, Key: "key-of-a-bouncer"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var table lookup.Table
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- client.Run(ctx, &table) }()
	for range time.Tick(time.Millisecond) {
		if !client.Status().Synced.IsZero() {
			break
		}
	}
	d, found := table.Lookup(netip.MustParseAddr("192.0.2.1"))
	fmt.Println(found, d.Action, d.Origin, d.Reason)
	cancel()
	<-done
	// Output: true ban cscli manual ban
}
