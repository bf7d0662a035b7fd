// Command lookup prints the decisions about the addresses on its command line.
//
//	go run ./examples/lookup 192.0.2.7 198.51.100.1
package main

import (
	"fmt"
	"log"
	"net/netip"
	"os"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(addresses []string) error {
	var table lookup.Table
	table.Replace("example", []lookup.Decision{
		{
			Prefix: netip.MustParsePrefix("192.0.2.0/24"),
			Action: lookup.Captcha,
			Reason: "a noisy network",
			Until:  time.Now().Add(4 * time.Hour),
		},
		{
			Prefix: netip.MustParsePrefix("192.0.2.7/32"),
			Action: lookup.Ban,
			Reason: "password guessing",
		},
	})
	for _, s := range addresses {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("reading address: %w", err)
		}
		// The strongest decision wins, not that with the longest prefix.
		d, ok := table.Lookup(ip)
		if !ok {
			fmt.Printf("%s: no decision\n", ip)
			continue
		}
		fmt.Printf("%s: %s, as part of %s: %s\n", ip, d.Action, d.Prefix, d.Reason)
	}
	return nil
}
