package builtin

// Parts of patterns. A value that breaks out of a statement does so near its beginning:
// behind one word, or a few.
const (
	few   = `\A(?:\S+ ){0,3}?\S*?`
	quote = `['"` + "`" + `]`
	// out is where a string, a number or a parenthesis may have ended.
	out    = `(?:` + broken + `|` + number + `)`
	broken = `(?:` + few + `(?:` + quote + `|\)) ?\)*|\A ?[-+]?[\d.]+ ?` + quote + `\)*|\A\w*\)+) ?`
	number = `\A ?[-+]?[\d.]+ ?\)* ?`
	// end is where a statement ends, or what is left of it becomes a comment.
	end = `[ )]*(?:--|#|;|\z|/\*)`
	// operand is a number, a string that may go on behind the value, or a constant.
	operand = `(?:[-+~!@]*[\d.]+(?:e\d+)?\b|0x[0-9a-f]+|` + quote + `[^'" ]*` + quote + `?|true|false|null)`
	compare = `(?:=+|<>|!=|<=>|[<>]=?|(?:not )?(?:like|rlike|regexp|in|between|glob|is)\b|sounds like)`
	logical = `(?:or|and|xor|\|\||&&|having|where|div|in)`
	comment = `(?:/\*!?\d*[^*]*\*/|/\*!\d*|\*/|--[^\n]*\n|#[^\n]*\n)`
	gap     = `(?:\s|\(|\+|` + comment + `)`
	lists   = `(?:null|[-+]?[\d.]+|0x[0-9a-f]+|` + quote + `[^'"]*` + quote + `|@@?\w+|char|(?:group_)?concat(?:_ws)?|version|user|database|schema|hex|unhex|load_file|cast|convert|chr|to_char)\b`
)

var sqlSigns = []sign{
	{sqlInjection, 10, inAll | notSearch, spaced, number + `(?:` + logical + `|\)) ?[(! ]*(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + operand},
	{sqlInjection, 10, inAll, spaced, broken + `(?:` + logical + `|\)) ?[(! ]*(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + operand},
	{sqlInjection, 10, inAll, spaced, few + quote + `[ )]*(?:or|\|\||and|&&|xor|-|\+|\*|/|\^|&|=|like|<|>)[ (]*` + operand + `[ )]*(?:--|#|/\*)`},
	{sqlInjection, 6, inAll, spaced, few + quote + `[ )]*(?:or|\|\||and|&&|xor) ?[( ]*(?:not )?[\d.]+ ?\z`},
	{sqlInjection, 10, inAll, decoded, `\A[\w.@+-]*` + quote + `\)*\s*;?\s*(?:--(?:[\s+-].*)?|/\*.*|#)\z`},
	{sqlInjection, 8, inAll, spaced, few + quote + `[ )]*(?:or|and) ?\(? ?\w+ (?:is not null|is null|like ` + quote + `[^'"]*%)`},
	{sqlInjection, 10, inAll, spaced, few + quote + ` ?(?:\|\|| or | and |\+|&&) ?(?:` + quote + `?\w+` + quote + `? ?=+ ?)` + quote + `\w*\z`},
	{sqlInjection, 6, inAll, spaced, `\A\w*` + quote + ` ?(?:\|\||\+|&) ?` + quote + `\w*\z`},
	{sqlInjection, 10, inAll, spaced, `(?:\A|[\s(=]|` + quote + `|\d|\)) ?union ?\(?(?: ?(?:all|distinct|distinctrow) ?)?[ (]*select[ (+~!-]*` + lists},
	{sqlInjection, 10, inAll, spaced, out + `union ?\(?(?: ?(?:all|distinct|distinctrow) ?)?[ (]*select[ (]*(?:\*|[\w.]+ ?,|[\w.]+ from |[\w.]+\()`},
	{sqlInjection, 10, inAll, decoded, `union` + gap + `*` + comment + gap + `*(?:all|distinct|distinctrow)?` + gap + `*select`},
	{sqlInjection, 10, inAll, decoded, `(?:/\*!\d*|/\*\*/)\s*(?:union|select|and|or|from|sleep|insert|where)\b`},
	{sqlInjection, 10, inAll, spaced, out + `; ?(?:drop|truncate|alter|create) (?:table|database|schema|view|user|index|login|procedure|function|trigger) ?\S`},
	{sqlInjection, 10, inAll, spaced, out + `; ?(?:insert into |update \S+ set |delete from |replace into |exec(?:ute)?[ (]|declare @|waitfor |shutdown|copy \S+ (?:from|to) |select[ (]|begin |set @|grant |merge )`},
	{sqlInjection, 6, inAll, spaced, `\A\S* ?; ?(?:drop (?:table|database|schema|user)|truncate table|insert into|delete from|waitfor delay|exec(?:ute)? (?:xp|sp|master)|shutdown) ?\S*`},
	{sqlInjection, 10, inAll, spaced, few + `(?:` + quote + `|\d|\)|\(|select|or|and|xor|\|\||&&|when|then|[,;=(+*/^-]) ?\(*(?:select[ (]+)?(?:pg_)?sleep ?\( ?[\d.]+ ?\)`},
	{sqlInjection, 10, inAll, spaced, few + `(?:benchmark ?\( ?[\d.e]+ ?,|waitfor (?:delay|time) ?` + quote + `|dbms_(?:pipe|lock|session)\.\w+ ?\(|randomblob ?\( ?\d+|pg_sleep(?:_for|_until)? ?\()`},
	{sqlInjection, 10, inAll, spaced, few + `(?:extractvalue|updatexml|xmltype) ?\(.*(?:0x[0-9a-f]{2}|concat|select|char ?\(|chr ?\()`},
	{sqlInjection, 10, inAll, spaced, few + `(?:exp ?\( ?~|floor ?\( ?rand ?\( ?[01]? ?\) ?\*|utl_(?:inaddr|http|smtp)\.|ctxsys\.\w+|dbms_(?:xmlgen|ldap|java)\.|gtid_subset ?\(|procedure analyse ?\(|xp_(?:cmdshell|dirtree|regread|fileexist)|sp_oa(?:create|method)|sp_password)`},
	{sqlInjection, 10, inAll, spaced, few + `convert ?\( ?int ?, ?(?:@@|\( ?select|db_name|user|system_user)`},
	{sqlInjection, 8, inAll, spaced, few + `(?:` + quote + `|\d|\)) ?\)* ?(?:and|or|\|\||&&) .*cast ?\(.+ as (?:int|numeric|char|signed|bigint)\b`},
	{sqlInjection, 8, inAll, spaced, few + `(?:` + quote + `|[)(]|\d|and|or|,|=) ?\(*(?:ascii|ord|hex|unicode|bin|length|len|char_length) ?\( ?(?:substr|substring|mid|lower|upper|left|right|user|database|version|\( ?select|@@)`},
	{sqlInjection, 8, inAll, spaced, few + `(?:substr|substring|mid|left) ?\( ?\(? ?(?:select|user|database|version|@@|password)`},
	{sqlInjection, 7, inAll, spaced, out + `(?:and|or|xor|\|\||&&|,|=|-|\+|\*|/|\^|[<>]|in|like|rlike|exists|not exists|not)[ (]*\( ?select .* from `},
	{sqlInjection, 7, inAll, spaced, out + `(?:and|or|xor|\|\||&&|,|=|rlike)?[ (]*(?:if|iif|elt|make_set|ifnull|nullif|coalesce|case|decode) ?\(? ?(?:when )?[ (]*(?:\d+ ?[=<>]|\( ?select|ascii|substr|length|user|1=|not|@@|ord)`},
	{sqlInjection, 8, inAll, spaced, few + `case when .+ then .+ else .+ end\b.*`},
	{sqlInjection, 10, inAll, spaced, out + `(?:order|group) by \d+(?: ?, ?\d+)*(?: having .*)?` + `[ )]*(?:--|#|/\*)`},
	{sqlInjection, 6, inAll, spaced, out + `(?:order|group) by \d+(?: ?, ?\d+)*(?: (?:asc|desc))?\z`},
	{sqlInjection, 6, inAll, spaced, out + `(?:having|limit|procedure|into (?:out|dump)file|rlike|regexp) ?[\d(` + "'\"" + `].*(?:--|#|=|/\*|union|select|\()`},
	{sqlInjection, 8, inAll, spaced, few + `into (?:out|dump)file ?` + quote},
	{sqlInjection, 5, inAll, spaced, few + `load_file ?\( ?(?:` + quote + `|0x|char)`},
	{sqlInjection, 4, inAll, spaced, `\b(?:information_schema ?\. ?\w+|sqlite_(?:master|schema|version)|pg_(?:catalog|shadow|user|database|tables)|sys\.?(?:objects|columns|databases|users|tables)|mysql\.user|all_(?:tables|tab_columns|users)|user_tables|v\$version|master\.\.)`},
	{sqlInjection, 3, inAll, spaced, few + `(?:@@(?:version|datadir|hostname|basedir|servername)|\b(?:current_user|system_user|session_user|database|version) ?\( ?\))`},
	{sqlInjection, 3, inAll, spaced, few + `\( ?select .* from `},
	{sqlInjection, 6, inAll, spaced, few + `(?:chr|char|nchar) ?\( ?\d+ ?\) ?(?:\|\||\+|,|&)`},
	{sqlInjection, 10, inAll, spaced, few + quote + ` ?(?:\|\||\+|&|and|or|,)[ (]*\( ?select\b`},
	{sqlInjection, 10, inAll, spaced, `\A[( ]*select ?\(? ?\d+ ?\)? ?from ?\(? ?\(? ?select ?\(`},
	{sqlInjection, 2, inAll, spaced, `(?:--|#|/\*) ?\z`},
	{sqlInjection, 2, inAll, spaced, out + `(?:and|or|union|select|having|order|group|limit|where)\b`},

	{noSQLInjection, 10, inAll, spaced, `\$where\W.*(?:function|sleep ?\(|this\.|return |\|\||==)`},
	{noSQLInjection, 8, inAll, spaced, few + quote + ` ?(?:;|\|\||&&|\)) ?(?:return |this\.|sleep ?\(|while ?\(|db\.|var )`},
	{noSQLInjection, 8, inAll, spaced, `\A ?\{ ?` + quote + `?\$(?:ne|gt|gte|lt|lte|nin|regex|exists|not)` + quote + `? ?: ?(?:null|-?1|0|1|true|false|` + quote + `.{0,3}` + quote + `|\[ ?\]|\{ ?\}) ?\} ?\z`},
}
