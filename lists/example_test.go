package lists_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

// A file is read at once, and again when it changes.
func ExampleNewFile() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "blocklist.txt")
	if err := os.WriteFile(path, []byte("192.0.2.0/24 # scanners\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	list, err := lists.NewFile(lists.FileConfig{Path: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	var table lookup.Table
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- list.Run(ctx, &table) }()
	for range time.Tick(time.Millisecond) {
		if !list.Status().Synced.IsZero() {
			break
		}
	}
	d, found := table.Lookup(netip.MustParseAddr("192.0.2.7"))
	fmt.Println(found, d.Action, d.Source)
	cancel()
	<-done
	// Output: true ban list:blocklist.txt
}
