package caddymodule

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const actionPlaceholder, statusPlaceholder = "{http.tocsin.action}", "{http.error.status_code}"

// A claim is what a matcher set says about stopped requests.
type claim struct {
	action bool // it asks for the decision: {http.tocsin.action}, or the matcher tocsin
	status bool // it matches no error but those with the status of a ban or a throttle
}

// asks reports whether the set is about requests that are stopped with a status, and
// for a decision or not. An upstream that is down is a 503, too, and whoever handles
// this means that one: there only the decision counts.
func (c claim) asks(status int, judged bool) bool {
	return c.action && judged || c.status && (status == http.StatusForbidden || status == http.StatusTooManyRequests)
}

// and returns what is said where both have to match.
func (c claim) and(d claim) claim { return claim{c.action || d.action, c.status || d.status} }

// or returns what is said where one has to match.
func (c claim) or(d claim) claim { return claim{c.action && d.action, c.status && d.status} }

// claimOf returns what a matcher says that stands with words, which are JSON, under a
// name in the config. In a file matcher the placeholders are names of files, and what
// not has is about all other requests.
func claimOf(name string, words []byte) claim {
	switch name {
	case "tocsin":
		return claim{action: true}
	case "vars", "vars_regexp":
		return claimOfVars(words, name == "vars")
	case "expression":
		return claimOfExpression(exprIn(words))
	}
	return claim{}
}

// claimOfVars is claimOf for the matchers of variables, whose values may be exact.
func claimOfVars(words []byte, exact bool) claim {
	var vars map[string]json.RawMessage
	_ = json.Unmarshal(words, &vars) // what is no such matcher asks nothing
	_, action := vars[actionPlaceholder]
	var values []string
	if exact {
		_ = json.Unmarshal(vars[statusPlaceholder], &values)
	}
	return claim{action: action, status: areStops(values)}
}

// exprIn returns the expression in the JSON of its matcher.
func exprIn(words []byte) (expr string) {
	var named struct {
		Expr string `json:"expr"`
	}
	if json.Unmarshal(words, &expr) != nil {
		_ = json.Unmarshal(words, &named) // what is neither asks nothing
		expr = named.Expr
	}
	return expr
}

// An equality compares the status with one or several.
var equality = regexp.MustCompile(`^(?:\{http\.error\.status_code\}\s*(?:==\s*(\d+)|in\s*\[([\d,\s]+)\])|(\d+)\s*==\s*\{http\.error\.status_code\})$`)

// statusesIn returns what expr compares the status with, nil if it is no equality.
func statusesIn(expr string) []string {
	found := equality.FindStringSubmatch(expr)
	if found == nil {
		return nil
	}
	return strings.FieldsFunc(strings.Join(found[1:], ""), func(c rune) bool { return c < '0' || c > '9' })
}

// areStops reports whether statuses are some, and only those of bans and throttles.
func areStops(statuses []string) bool {
	return len(statuses) > 0 && !slices.ContainsFunc(statuses, func(s string) bool { return s != "403" && s != "429" })
}

// claimOfExpression returns what an expression says: what all of its alternatives do.
func claimOfExpression(expr string) claim {
	for isEnclosed(expr) {
		expr = strings.TrimSpace(expr[1 : len(expr)-1])
	}
	if len(split(expr, "?")) > 1 {
		return claim{}
	}
	if ways := split(expr, "||"); len(ways) > 1 {
		either := claim{action: true, status: true}
		for _, way := range ways {
			either = either.or(claimOfExpression(way))
		}
		return either
	}
	if parts := split(expr, "&&"); len(parts) > 1 {
		var all claim
		for _, part := range parts {
			all = all.and(claimOfExpression(part))
		}
		return all
	}
	return claim{
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

// split returns what stands in expr between operators, but for those in parentheses and
// strings.
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
