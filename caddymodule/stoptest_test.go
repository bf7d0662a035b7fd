package caddymodule

import "testing"

func TestWhatAnExpressionSaysAboutStoppedRequests(t *testing.T) {
	const s, a = statusPlaceholder, actionPlaceholder
	for _, row := range []struct {
		name, expr string
		want       claim
	}{
		{"nothing", "", claim{}},
		{"a ban", s + " == 403", claim{status: true}},
		{"a throttle, the other way round", "429 == " + s, claim{status: true}},
		{"both", s + " in [403, 429]", claim{status: true}},
		{"both, without spaces", s + "in[403,429]", claim{status: true}},
		{"both, one by one", s + " == 403 || (" + s + " == 429)", claim{status: true}},
		{"one on a condition", "(" + s + " == 403 && path('/a || b'))", claim{status: true}},
		{"one on conditions", "(" + s + " == 403) && (path('/a') || path('/b'))", claim{status: true}},
		{"another", s + " == 404", claim{}},
		{"one that begins alike", s + " == 4031", claim{}},
		{"one and another", s + " in [403, 404]", claim{}},
		{"one or another", s + " == 403 || " + s + " == 404", claim{}},
		{"an upstream that is down", s + " in [502, 503, 504]", claim{}},
		{"a class", s + " >= 400 && " + s + " <= 499", claim{}},
		{"a range", s + " >= 403", claim{}},
		{"all but one", s + " != 403", claim{}},
		{"not one", "!(" + s + " == 403)", claim{}},
		{"a choice", s + " == 403 && true ? false : true", claim{}},
		{"an alternative behind a string with a parenthesis", s + ` == 403 && path("(") || path("/x")`, claim{}},
		{"an alternative behind a quote in a string", s + ` == 403 && path("\"") || path("/x")`, claim{}},
		{"a string", `"` + s + ` == 403"`, claim{}},
		{"two in parentheses", "(" + s + " == 403) || (true)", claim{}},
		{"a decision", a + ` == "ban"`, claim{action: true}},
		{"a decision, the other way round", `"ban" == ` + a, claim{action: true}},
		{"a decision and a status", a + ` == "ban" && ` + s + " == 403", claim{action: true, status: true}},
		{"a decision or a status", a + ` == "ban" || ` + s + " == 403", claim{}},
		{"a decision or an upstream that is down", a + ` == "ban" || ` + s + " == 503", claim{}},
		{"files by the decision", "file({'try_files': ['/" + a + ".html', '{path}']})", claim{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := claimOfExpression(row.expr); got != row.want {
				t.Errorf("%s: got %+v, want %+v", row.expr, got, row.want)
			}
		})
	}
}
