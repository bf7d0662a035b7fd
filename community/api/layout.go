package api

import (
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A layout is the format of a line of a text list.
type layout struct {
	name  string
	timed bool // with the remaining time
	line  func(b []byte, u consensus.Unit, left time.Duration) []byte
}

// layouts by their names in requests. All except the plain one are commands that add an entry
// with a time limit.
var layouts = map[string]layout{
	"":         plain,
	"plain":    plain,
	"ipset":    {"ipset", true, appendIPSet},
	"nft":      {"nft", true, appendNFT},
	"mikrotik": {"mikrotik", true, appendMikroTik},
}

var plain = layout{"plain", false, func(b []byte, u consensus.Unit, _ time.Duration) []byte { return appendValue(b, u) }}

func seconds(b []byte, d time.Duration) []byte { return strconv.AppendInt(b, int64(d/time.Second), 10) }

// appendIPSet is for `ipset restore -exist`, with the sets tocsin4 and tocsin6.
func appendIPSet(b []byte, u consensus.Unit, left time.Duration) []byte {
	b = append(append(append(b, "add tocsin"...), family(u)), ' ')
	return seconds(append(appendValue(b, u), " timeout "...), left)
}

// appendNFT is for `nft -f`, with the sets ban4 and ban6 of the table inet tocsin.
func appendNFT(b []byte, u consensus.Unit, left time.Duration) []byte {
	b = append(append(append(b, "add element inet tocsin ban"...), family(u)), " { "...)
	return append(seconds(append(appendValue(b, u), " timeout "...), left), "s }"...)
}

// appendMikroTik is a line of a script of RouterOS. It accepts an entry that already
// exists.
func appendMikroTik(b []byte, u consensus.Unit, left time.Duration) []byte {
	b = append(b, ":do { /ip"...)
	if u.Addr().Is6() {
		b = append(b, "v6"...)
	}
	b = append(b, " firewall address-list add list=tocsin address="...)
	b = seconds(append(appendValue(b, u), " timeout="...), left)
	return append(b, "s } on-error={}"...)
}

func family(u consensus.Unit) byte {
	if u.Addr().Is4() {
		return '4'
	}
	return '6'
}
