package builtin

// Parts of patterns. A value that breaks out of a statement does so near its beginning:
// behind one word, or a few.
const (
	few   = `\A(?:\S+ ){0,3}?\S*?`
	quote = `['"]`
	// out is where a string, a number or a parenthesis may have ended.
	out    = `(?:` + broken + `|` + number + `)`
	broken = `(?:` + few + `(?:` + quote + `|\)) ?\)*|\A ?[-+]?[\d.]+ ?` + quote + `\)*|\A\w*\)+) ?`
	number = `\A ?[-+]?[\d.]+ ?\)* ?`
	// near is broken without a word in front: behind words the quote may be that of a
	// sentence about SQL.
	near = `(?:\A\S*?(?:` + quote + `|\)) ?\)*|\A ?[-+]?[\d.]+ ?` + quote + `\)*) ?`
	// operand is a number, a string that may go on behind the value, or a constant.
	operand = one + `(?: ?[-+*/%^] ?` + one + `)*`
	one     = `(?:[-+~!@]*[\d.]+(?:e\d+)?\b|0x[0-9a-f]+|` + quoted + `|true|false|null)`
	quoted  = quote + `[^'" &=]*` + quote
	// last is an operand that may go on behind the value.
	last    = `(?:` + operand + `|` + quote + `[^'" &=]+|` + quote + `\z)`
	compare = `(?:=+|<>|!=|<=>|[<>]=?|\b(?:not )?(?:like|rlike|regexp|in|between|glob|is)\b|\bsounds like)`
	logical = `(?:or|and|xor|\|\||&&|having|div)`
	comment = `(?:/\*[^*/]*\*/|/\*!\d*|--[^\n]*\n|#[^\n]*\n)`
	lists   = `(?:null\b|[-+]?[\d.]+\b|0x[0-9a-f]+|` + quote + `[^'"]*` + quote + `|(?:@@?\w+|char|(?:group_)?concat(?:_ws)?|version|user|database|schema|hex|unhex|load_file|cast|convert|chr|to_char)\b)`
)

var sqlSigns = []sign{
	{sqlInjection, 10, inAll | notSearch, spaced, number + `(?:` + logical + `|\)) ?[(! ]*(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + last},
	{sqlInjection, 8, inAll | notSearch, spaced, `\A(?:` + logical + `) ?\(?(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + last},
	{sqlInjection, 6, inAll | notSearch, spaced, `\A(?:order|group) by \d+(?: ?, ?\d+)* ?(?:--|#|/\*)`},
	{sqlInjection, 8, inAll | notSearch, spaced, `\A(?:pg_)?sleep ?\( ?[\d.]+ ?\) ?(?:#|--|=|/\*)`},
	{sqlInjection, 6, inAll, spaced, `\A\w*` + quote + ` ?(?:or|and|\|\||&&) ?(?:` + quote + quote + ` ?)?[-&^*+|=]* ?` + quote + `\z`},
	{sqlInjection, 8, inAll, spaced, few + quote + ` ?\)* ?(?:order|group) by [\w.]+ having `},
	{sqlInjection, 4, inAll, spaced, near + `(?:` + logical + `|\)) ?[(! ]*(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + last},
	{sqlInjection, 6, inAll, spaced, broken + `(?:` + logical + `|\)) ?[(! ]*(?:not )?` + operand + `[ )]*` + compare + `[ (]*` + last},
	{sqlInjection, 10, inAll, spaced, few + quote + `[ )]*(?:or|\|\||and|&&|xor)[ (]*(?:[\d.]+|` + quoted + `|true|null)[ )]*(?:--|#|/\*)`},
	{sqlInjection, 10, inAll, spaced, few + quote + `\)*(?:[-+*/^&=<>]|like|div)\(*(?:[\d.]+|` + quoted + `|true|null)[ )]*(?:--|#|/\*)`},
	{sqlInjection, 6, inAll, spaced, few + quote + `[ )]*(?:or|\|\||and|&&|xor) ?[( ]*(?:not )?[\d.]+ ?\z`},
	{sqlInjection, 10, inAll, decoded, `\A[\w.@+-]*` + quote + `\)*\s*;?\s*(?:--[ +]?-?[ +]?\w*|/\*.*|#)\z`},
	{sqlInjection, 8, inAll, spaced, few + quote + `[ )]*(?:or|and) ?\(? ?\w+ (?:is not null|is null|like ` + quote + `[^'"]*%)`},
	{sqlInjection, 10, inAll, spaced, few + quote + ` ?(?:\|\|| or | and |\+|&&) ?(?:` + quote + `?\w+` + quote + `? ?=+ ?)` + quote + `\w*\z`},
	{sqlInjection, 6, inAll, spaced, `\A\w*` + quote + ` ?(?:\|\||\+|&) ?` + quote + `\w*\z`},
	{sqlInjection, 10, inAll, spaced, `(?:\A|[\s(=]|` + quote + `|\d|\)) ?union ?\(?(?: ?(?:all|distinct|distinctrow) ?)?[ (]*select[ (+~!-]*` + lists},
	{sqlInjection, 10, inAll, spaced, out + `union ?\(?(?: ?(?:all|distinct|distinctrow) ?)?[ (]*select[ (]*(?:\*|[\w.]+ ?,|[\w.]+ from |[\w.]+\()`},
	{sqlInjection, 10, inAll, decoded, `union[^a-z]*` + comment + `[^a-z]*(?:all|distinct|distinctrow)?[^a-z]*(?:/\*!?[^*/]*\*/)?[^a-z]*select`},
	{sqlInjection, 10, inAll, decoded, `(?:/\*!\d*|/\*\*/)\s*(?:union|select|and|or|from|sleep|insert|where)\b`},
	{sqlInjection, 10, inAll, spaced, out + `; ?(?:drop|truncate|alter|create) (?:table|database|schema|view|user|index|login|procedure|function|trigger) ?\S`},
	{sqlInjection, 10, inAll, spaced, out + `; ?(?:insert into |update \S+ set |delete from |replace into |exec(?:ute)?[ (]|declare @|waitfor |shutdown|copy \S+ (?:from|to) |select[ (]|begin |set @|grant |merge )`},
	{sqlInjection, 6, inAll, spaced, `\A\S* ?; ?(?:drop (?:table|database|schema|user)|truncate table|insert into|delete from|waitfor delay|exec(?:ute)? (?:xp|sp|master)|shutdown) ?\S*`},
	{sqlInjection, 10, inAll, spaced, few + `(?:` + quote + `|\d|\)|\(|select|by|or|and|xor|\|\||&&|when|then|[,;=(+*/^-]) ?\(*(?:select[ (]+)?(?:pg_)?sleep ?\( ?[\d.]+ ?\)`},
	{sqlInjection, 10, inAll, spaced, `select[ (]+(?:pg_)?sleep ?\( ?[\d.]+ ?\)`},
	{sqlInjection, 8, inAll, spaced, few + `[\d)'"\]` + "`" + `] ?(?:\|\||&&|\+|,|=)? ?\(+ ?select\b`},
	{sqlInjection, 8, inAll, spaced, `\b(?:and|or) [\d.]+ ?= ?\(+ ?select\b`},
	{sqlInjection, 10, inAll, spaced, few + `(?:benchmark ?\( ?[\d.e]+ ?,|waitfor (?:delay|time) ?` + quote + `|dbms_(?:pipe|lock|session)\.\w+ ?\(|randomblob ?\( ?\d+|pg_sleep(?:_for|_until)? ?\()`},
	{sqlInjection, 10, inAll, spaced, few + `(?:extractvalue|updatexml|xmltype) ?\(.*(?:0x[0-9a-f]{2}|concat|select|char ?\(|chr ?\()`},
	{sqlInjection, 10, inAll, spaced, few + `(?:exp ?\( ?~|floor ?\( ?rand ?\( ?[01]? ?\) ?\*|utl_(?:inaddr|http|smtp)\.|ctxsys\.\w+|dbms_(?:xmlgen|ldap|java)\.|gtid_subset ?\(|procedure analyse ?\(|xp_(?:cmdshell|dirtree|regread|fileexist)|sp_oa(?:create|method)|sp_password)`},
	{sqlInjection, 10, inAll, spaced, few + `convert ?\( ?int ?, ?(?:@@|\( ?select|db_name|user|system_user)`},
	{sqlInjection, 8, inAll, spaced, few + `(?:` + quote + `|\d|\)) ?\)* ?(?:and|or|\|\||&&) .*cast ?\(.+ as (?:int|numeric|char|signed|bigint)\b`},
	{sqlInjection, 8, inAll, spaced, few + `(?:` + quote + `|[)(]|\d|and|or|,|=) ?\(*(?:ascii|ord|hex|unicode|bin|length|len|char_length) ?\( ?(?:(?:substr|substring|mid|lower|upper|left|right|user|database|version) ?\(|\( ?select|@@)`},
	{sqlInjection, 8, inAll, spaced, few + `(?:substr|substring|mid|left) ?\( ?\(? ?(?:select|user|database|version|@@|password)`},
	{sqlInjection, 7, inAll, spaced, out + `(?:(?:and|or|xor|\|\||&&) ?)?(?:(?:not )?(?:exists|in|like|rlike)|[-,=+*/^<>]|[\d.]+ ?[=<>]+)*[ (]*\( ?select .* from `},
	{sqlInjection, 7, inAll, spaced, out + `(?:and|or|xor|\|\||&&|,|=|rlike)?[ (]*(?:(?:if|iif|elt|make_set|ifnull|nullif|coalesce|decode) ?\(|case when)[ (]*(?:\d+ ?[=<>]|\( ?select|ascii ?\(|substr|length ?\(|user ?\(|1=|@@|ord ?\()`},
	{sqlInjection, 8, inAll, spaced, few + `case when .+ then .+ else .+ end\b.*`},
	{sqlInjection, 10, inAll, spaced, out + `(?:order|group) by \d+(?: ?, ?\d+)*(?: having .*)?` + `[ )]*(?:--|#|/\*)`},
	{sqlInjection, 6, inAll, spaced, out + `(?:order|group) by \d+(?: ?, ?\d+)*(?: (?:asc|desc))?\z`},
	{sqlInjection, 6, inAll, spaced, out + `(?:having|limit|procedure|into (?:out|dump)file|rlike|regexp) ?[\d(` + "'\"" + `].*(?:--|#|=|/\*|union|select|\()`},
	{sqlInjection, 8, inAll, spaced, few + `into (?:out|dump)file ?` + quote},
	{sqlInjection, 6, inAll | inProse, spaced, `read_(?:csv|csv_auto|text|blob|parquet|json) ?\( ?` + quote + `(?:/etc/|/proc/|/root\b)`},
	{sqlInjection, 5, inAll, spaced, few + `load_file ?\( ?(?:` + quote + `|0x|char)`},
	{sqlInjection, 4, inAll, spaced, `\b(?:information_schema ?\. ?\w+|sqlite_(?:master|schema|version)|pg_(?:catalog|shadow|user|database|tables)|sys\.?(?:objects|columns|databases|users|tables)|mysql\.user|all_(?:tables|tab_columns|users)|user_tables|v\$version|master\.\.)`},
	{sqlInjection, 3, inAll, spaced, few + `(?:@@(?:version|datadir|hostname|basedir|servername)|\b(?:current_user|system_user|session_user|database|version) ?\( ?\))`},
	{sqlInjection, 3, inAll, spaced, few + `\( ?select .* from `},
	{sqlInjection, 6, inAll, spaced, few + `(?:chr|char|nchar) ?\( ?\d+ ?\) ?(?:\|\||\+|,|&)`},
	{sqlInjection, 10, inAll, spaced, few + quote + ` ?(?:\|\||\+|&|and|or|,)[ (]*\( ?select\b`},
	{sqlInjection, 10, inAll, spaced, `\A[( ]*select ?\(? ?\d+ ?\)? ?from ?\(? ?\(? ?select ?\(`},
	{sqlInjection, 2, inAll, spaced, `(?:--|#|/\*) ?\z`},

	{noSQLInjection, 10, inName, decoded, `(?:\A|\Ajson\.|user[.\[])(?:user(?:name|_?id)?|login|e?mail|log|pass(?:word|wd|code|phrase)?|pwd|token|reset_?token|code|otp|pin|secret|api_?key)\]?[.\[]+\$(?:ne|gt|gte|lt|lte|nin|in|regex|exists|not|where|eq|or)\b`},
	{noSQLInjection, 10, inAll, spaced, `\$where\W.*(?:function|sleep ?\(|this\.|return |\|\||==)`},
	{noSQLInjection, 8, inAll, spaced, `\A\w*` + quote + ` ?(?:;|\|\||&&|\)) ?(?:return |this\.|sleep ?\(|while ?\(|db\.|var )`},
	{noSQLInjection, 8, inAll, spaced, few + quote + ` ?,? ?` + quote + `?\$(?:or|and|where|ne|gt|nor)` + quote + `? ?: ?[\[{"']`},
	{noSQLInjection, 8, inAll, spaced, `\A ?\{ ?` + quote + `?\$(?:ne|gt|gte|lt|lte|nin|regex|exists|not)` + quote + `? ?: ?(?:null|-?1|0|1|true|false|` + quote + `.{0,3}` + quote + `|\[ ?\]|\{ ?\}) ?\} ?\z`},
}
