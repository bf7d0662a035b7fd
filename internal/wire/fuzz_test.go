package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// FuzzStream holds the decoder against encoding/json: both take the same
// answers, whatever the size of the buffer, and see the same rows in them.
func FuzzStream(f *testing.F) {
	for _, s := range []string{
		`{"deleted":null,"new":null}`, `{"new": [], "deleted": []}`, `{}`, `null`, `[]`, `{"new":[` + ban + `,{}]}`,
		`{"new":[{"value":"\ud83d\ude00\ud800\"","simulated":true,"id":-1.5e+3}],"x":[[{"y":false}]]}`,
		"{\"new\":[{\"scope\":\"a\xff\xe2\x82b\"}]}", `{"new":[{"type":null,"type":"a","type":5}]}`, `{} x`, `{"new":[],"new":[]}`,
		`{"new":[{"id":7,"id":1e3},{"id":123456789012345678901}]}`,
	} {
		f.Add([]byte(s), uint8(len(s)))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		got, err := collect(small(bytes.NewReader(in), 1+int(size)).Stream())
		want, ok := oracle(in)
		if ok != (err == nil) {
			t.Fatalf("error %v, but encoding/json takes it: %v", err, ok)
		}
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for i := range got {
			if !same(got[i], want[i]) {
				t.Errorf("row %d\n got %+v\nwant %+v", i, got[i], want[i])
			}
		}
	})
}

func same(got, want flat) bool {
	eq := func(got, want string) bool {
		return got == want || len(want) > MaxString && len(got) <= MaxString && strings.HasPrefix(want, got)
	}
	return got.section == want.section && got.id == want.id && got.simulated == want.simulated &&
		(got.long || max(len(want.value), len(want.duration), len(want.typeOf)) <= MaxString) &&
		eq(got.value, want.value) && eq(got.duration, want.duration) && eq(got.typeOf, want.typeOf) &&
		eq(got.origin, want.origin) && eq(got.scenario, want.scenario) && eq(got.scope, want.scope)
}

// oracle reads an answer by means of encoding/json.
func oracle(in []byte) ([]flat, bool) {
	if !json.Valid(in) {
		return nil, false
	}
	var all []flat
	seen := map[string]bool{}
	ok := members(in, func(key string, raw json.RawMessage) bool {
		section := New
		switch key {
		case "deleted":
			section = Deleted
		case "new":
		default:
			return true
		}
		if seen[key] || string(raw) != "null" && raw[0] != '[' {
			return false
		}
		seen[key] = true
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return false
		}
		for _, raw := range list {
			row := flat{section: section}
			if !members(raw, row.set) {
				return false
			}
			all = append(all, row)
		}
		return true
	})
	return all, ok
}

// members calls f with each member of the object in, in order, as long as f
// agrees.
func members(in []byte, f func(string, json.RawMessage) bool) bool {
	d := json.NewDecoder(bytes.NewReader(in))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		key, err := d.Token()
		var raw json.RawMessage
		if err != nil || d.Decode(&raw) != nil || !f(key.(string), raw) {
			return false
		}
	}
	return true
}

func (f *flat) set(key string, raw json.RawMessage) bool {
	var text *string
	switch key {
	case "value":
		text = &f.value
	case "duration":
		text = &f.duration
	case "type":
		text = &f.typeOf
	case "origin":
		text = &f.origin
	case "scenario":
		text = &f.scenario
	case "scope":
		text = &f.scope
	case "simulated":
		f.simulated = false
		return json.Unmarshal(raw, &f.simulated) == nil
	case "id":
		f.id, _ = strconv.ParseInt(string(raw), 10, 64)
		if f.id < 0 || f.id >= 1e18 {
			f.id = 0
		}
		return true
	default:
		return true
	}
	*text = "" // null leaves it alone
	return json.Unmarshal(raw, text) == nil
}
