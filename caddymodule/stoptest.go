package caddymodule

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const actionPlaceholder, statusPlaceholder = "{http.tocsin.action}", "{http.error.status_code}"

// A stopTest says whether a matcher set is about stopped requests.
type stopTest struct {
	action bool // it tests the decision: {http.tocsin.action}, or the matcher tocsin
	status bool // it matches only errors with the status of a ban or a throttle
}

// isAbout reports whether the set is about requests stopped with this status. Judged says
// whether there is a decision. A broken upstream is a 503 too, so for other statuses
// only a test of the decision counts.
func (c stopTest) isAbout(status int, judged bool) bool {
	return c.action && judged || c.status && (status == http.StatusForbidden || status == http.StatusTooManyRequests)
}

// and returns the test if both must match.
func (c stopTest) and(d stopTest) stopTest {
	return stopTest{c.action || d.action, c.status || d.status}
}

// or returns the test if one must match.
func (c stopTest) or(d stopTest) stopTest {
	return stopTest{c.action && d.action, c.status && d.status}
}

// stopTestOf returns the test of a matcher with this name and JSON. Placeholders in a
// file matcher are names of files, and a not matcher is about all other requests, so
// these test nothing.
func stopTestOf(name string, words []byte) stopTest {
	switch name {
	case "tocsin":
		return stopTest{action: true}
	case "vars", "vars_regexp":
		return stopTestOfVars(words, name == "vars")
	case "expression":
		return stopTestOfExpression(exprIn(words))
	}
	return stopTest{}
}

// stopTestOfVars is stopTestOf for the matchers of variables, whose values may be exact.
func stopTestOfVars(words []byte, exact bool) stopTest {
	var vars map[string]json.RawMessage
	_ = json.Unmarshal(words, &vars) // invalid JSON tests nothing
	_, action := vars[actionPlaceholder]
	var values []string
	if exact {
		_ = json.Unmarshal(vars[statusPlaceholder], &values)
	}
	return stopTest{action: action, status: areStops(values)}
}

// exprIn returns the expression in the JSON of an expression matcher.
func exprIn(words []byte) (expr string) {
	var named struct {
		Expr string `json:"expr"`
	}
	if json.Unmarshal(words, &expr) != nil {
		_ = json.Unmarshal(words, &named) // invalid JSON tests nothing
		expr = named.Expr
	}
	return expr
}

// An equality compares the status with one or several.
var equality = regexp.MustCompile(`^(?:\{http\.error\.status_code\}\s*(?:==\s*(\d+)|in\s*\[([\d,\s]+)\])|(\d+)\s*==\s*\{http\.error\.status_code\})$`)

// statusesIn returns the statuses in expr, or nil if it is not an equality.
func statusesIn(expr string) []string {
	found := equality.FindStringSubmatch(expr)
	if found == nil {
		return nil
	}
	return strings.FieldsFunc(strings.Join(found[1:], ""), func(c rune) bool { return c < '0' || c > '9' })
}

// areStops reports whether statuses has only those of bans and throttles, and at least
// one.
func areStops(statuses []string) bool {
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(s string) bool { return s != "403" && s != "429" })
}

// stopTestOfExpression returns the test of an expression: what all its alternatives
// test.
func stopTestOfExpression(expr string) stopTest {
	for isEnclosed(expr) {
		expr = strings.TrimSpace(expr[1 : len(expr)-1])
	}
	if len(split(expr, "?")) > 1 {
		return stopTest{}
	}
	if ways := split(expr, "||"); len(ways) > 1 {
		either := stopTest{action: true, status: true}
		for _, way := range ways {
			either = either.or(stopTestOfExpression(way))
		}
		return either
	}
	if parts := split(expr, "&&"); len(parts) > 1 {
		var all stopTest
		for _, part := range parts {
			all = all.and(stopTestOfExpression(part))
		}
		return all
	}
	return stopTest{
		action: strings.HasPrefix(expr, actionPlaceholder) || strings.HasSuffix(expr, actionPlaceholder),
		status: areStops(statusesIn(expr)),
	}
}

// isEnclosed reports whether expr is in parentheses as a whole.
func isEnclosed(expr string) bool {
	if !strings.HasPrefix(expr, "(") || !strings.HasSuffix(expr, ")") {
		return false
	}
	depth := 0
	for i := range expr {
		switch expr[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && i < len(expr)-1 {
			return false
		}
	}
	return depth == 0
}

// split returns the parts of expr between operators, ignoring operators in parentheses
// and strings.
func split(expr, operator string) (parts []string) {
	depth, quote, start := 0, byte(0), 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && strings.HasPrefix(expr[i:], operator):
			parts = append(parts, strings.TrimSpace(expr[start:i]))
			start = i + len(operator)
			i = start - 1
		}
	}
	return append(parts, strings.TrimSpace(expr[start:]))
}
