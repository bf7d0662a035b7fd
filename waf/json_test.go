package waf

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// gjsonArgs makes arguments of JSON as CrowdSec's engine does, by gjson.
func gjsonArgs(body string) map[string]string {
	if !gjson.Valid(body) {
		return nil
	}
	all := map[string]string{}
	if gjsonItems(gjson.Parse(body), "json", 1024, all) != nil {
		return nil
	}
	return all
}

func gjsonItems(v gjson.Result, name string, left int, all map[string]string) (err error) {
	if left == 0 {
		return errors.New("too deep")
	}
	n := 0
	v.ForEach(func(key, value gjson.Result) bool {
		own := name + "." + key.Str
		if key.Type != gjson.String {
			own = name + "." + strconv.Itoa(n)
			n++
		}
		switch value.Type {
		case gjson.JSON:
			err = gjsonItems(value, own, left-1, all)
		case gjson.String:
			all[own] = value.Str
		case gjson.Null:
			all[own] = ""
		default:
			all[own] = value.Raw
		}
		return err == nil
	})
	if n > 0 {
		all[name] = strconv.Itoa(n)
	}
	return err
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-0.5e+3,true,null,"x"],"b":{}}`, `"alone"`, `[]`, ` [ [ ] , {"a" : "b"} ] `, `{"a":1,"a":2,"A":3}`, `{"\ud83d\ude00\ud83d\u0041\udc00":"\u0000\/"}`,
		"{\"\xff\":\"\xfe\"}", `01`, `1.`, `-`, `[1,]`, `{"a":1,}`, `{,}`, `nul`, `nullx`, "\"\x1f\"", `"\x"`, `{"a.b":1,"a":{"b":2}}`, `[1][2]`, "\ufeff{}", `{"a" "b"}`, `1e`, `"\u12"`,
		strings.Repeat("[", 1024) + strings.Repeat("]", 1024), strings.Repeat("[", 1025) + strings.Repeat("]", 1025),
	} {
		f.Add(s)
	}
	rules := compiled(f, bodyRules)
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 4<<10 {
			return
		}
		got, over := jsonArgs(rules, body)
		want := gjsonArgs(body)
		if !over && !maps.Equal(got, want) {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	})
}

const bodyRules = "name: all\nrules:\n- zones: [BODY_ARGS, RAW_BODY, FILENAMES]\n  match: {type: regex, value: '^.*$'}\n"

// jsonArgs returns what is read of JSON, nil if it is not valid, and whether it is too much.
func jsonArgs(rules *Rules, body string) (args map[string]string, over bool) {
	in := rules.Head(&Request{Method: "POST", Target: "/", Header: map[string][]string{"Content-Type": {"application/json"}}, HasBody: true})
	defer in.Close()
	in.Body([]byte(body))
	if raw := in.values(zoneRawBody)[0].value; len(raw) == 0 {
		return nil, in.Over()
	}
	args = map[string]string{}
	for _, p := range in.values(zoneBodyArgs) {
		args[string(p.name)] = string(p.value)
	}
	return args, in.Over()
}

func TestJSON(t *testing.T) {
	rules := compiled(t, bodyRules)
	for body, want := range map[string]map[string]string{
		`{"a":{"b":[true,"x"]}}`:      {"json.a.b.0": "true", "json.a.b.1": "x", "json.a.b": "2"},
		`[null]`:                      {"json.0": "", "json": "1"},
		`7`:                           {"json.0": "7", "json": "1"},
		`{"a":1,"b":2,"a":3}`:         {"json.a": "3", "json.b": "2"},
		`{"a.b":1,"a":{"b":2}}`:       {"json.a.b": "2"},
		`{"\u0061":"\ud83d\ude00\n"}`: {"json.a": "\U0001f600\n"},
		"{\"\xff\":1}":                {"json.\xff": "1"},
		`{"a":{}}`:                    {},
		`{"a":1} x`:                   nil,
		`{"a":.5}`:                    nil,
	} {
		if got, _ := jsonArgs(rules, body); !maps.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
}

// What one request costs is bounded by how many values are looked at. More are told of.
func TestValuesAreBounded(t *testing.T) {
	rules := compiled(t, bodyRules)
	for _, row := range []struct {
		contentType, value string
		n, want            int
		over               bool
	}{
		{"application/json", "1,", 8_191, 8_191 + 1, false}, // and the length
		{"application/json", "1,", 9_000, 8_192, true},
		{formType, "a&", 8_192, 8_192, false},
		{formType, "a&", 8_193, 8_192, true},
		{"multipart/form-data; boundary=o", "--o\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", 512, 512, false},
		{"multipart/form-data; boundary=o", "--o\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n", 513, 512, true},
	} {
		in := rules.Head(&Request{Method: "POST", Target: "/", Header: map[string][]string{"Content-Type": {row.contentType}}, HasBody: true})
		body := strings.Repeat(row.value, row.n)
		switch row.contentType {
		case formType:
		case "application/json":
			body = "[" + strings.TrimSuffix(body, ",") + "]"
		default:
			body += "--o--\r\n"
		}
		in.Body([]byte(body))
		if got := len(in.values(zoneBodyArgs)); got != row.want || in.Over() != row.over {
			t.Errorf("%d of %s: %d values, over: %v", row.n, row.contentType, got, in.Over())
		}
		in.Close()
	}
}

// A head that is longer than any honest one is looked at as far as that, and told of.
func TestHeadsAreBounded(t *testing.T) {
	rules := compiled(t, ruleOn("own/x", "a"))
	for _, row := range []struct {
		padding int
		over    bool
	}{{60_000, false}, {65_536, true}} {
		in := rules.Head(&Request{Method: "GET", Target: "/?a=hit&b=" + strings.Repeat("x", row.padding)})
		if len(in.Matches()) != 1 || in.Over() != row.over {
			t.Errorf("%d bytes: %v, over: %v", row.padding, in.Matches(), in.Over())
		}
		in.Close()
	}
}

// Names above a value are part of its own, so that names may take far more room than the
// body: 8,000 values below 60 kB of names.
func TestNamesInJSONAreBounded(t *testing.T) {
	rules := compiled(t, bodyRules)
	key := `{"` + strings.Repeat("k", 60<<10) + `":[`
	in := rules.Head(&Request{Method: "POST", Target: "/", Header: map[string][]string{"Content-Type": {"application/json"}}, HasBody: true})
	defer in.Close()
	in.Body([]byte(key + strings.TrimSuffix(strings.Repeat("1,", 8_000), ",") + "]}"))
	values := in.values(zoneBodyArgs)
	if len(values) < 8_000 || !in.Over() {
		t.Errorf("%d values, over: %v", len(values), in.Over())
	}
	if n := cap(in.room.bytes); n > 4<<20 {
		t.Errorf("%d bytes", n)
	}
	if i := slices.IndexFunc(values, func(p pair) bool { return p.name == nil }); i < 4 || i > 9 {
		t.Errorf("value %d is the first without a name", i)
	}
}
