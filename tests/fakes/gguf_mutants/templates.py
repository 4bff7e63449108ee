"""Chat templates that mean harm, by what they do. Sources: Jinja's own power, and tricks on its sandbox.

CANARY must never be in a prompt; a template of STOPPED must never be rendered to its end.
"""

from fakes.gguf_mutants.bases import any_base

KEY = "tokenizer.chat_template"
CANARY = "canary-9d1f"
NESTED = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"  # noqa: E501
DOUBLING = "{% macro m0() %}xxxxxxxxxx{% endmacro %}" + "".join(
    f"{{% macro m{i}() %}}{{{{ m{i - 1}() }}}}{{{{ m{i - 1}() }}}}{{% endmacro %}}" for i in range(1, 60)
)
STOPPED = {
    "nested loops": NESTED,
    "loops that write": "{% for a in range(99999) %}{% for b in range(99999) %}{{ messages }}{% endfor %}{% endfor %}",
    "integer power": "{{ 9 ** (9 ** 9) }}",
    "power in a loop": "{% for i in range(99999) %}{{ (7 ** 200000) | string | length }}{% endfor %}",
    "big decimal": "{{ (10 ** 5000000) | string }}",
    "doubling macros": DOUBLING + "{{ m59() }}",
    "doubling text": "{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",  # noqa: E501
    "doubling list": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",  # noqa: E501
    "text times a number": "{{ ('a' * 99999999999) | length }}",
    "list times a number": "{{ ([0] * 9999999999) | length }}",
    "huge centre": "{{ 'a' | center(9999999999) }}",
    "huge format": "{{ '%9999999999d' | format(1) }}",
    "format method": "{{ '{:>9999999999}'.format(1) }}",
    "huge ljust": "{{ 'x'.ljust(9999999999) }}",
    "indent": "{% set ns = namespace(x='a\n' * 50000) %}{% for i in range(500) %}{% set ns.x = ns.x | indent(9000) %}{% endfor %}",  # noqa: E501
    "sort": "{% for i in range(99999) %}{{ range(99999) | list | sort(reverse=true) | length }}{% endfor %}",
    "replace": "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', 'aaa') %}{% endfor %}",  # noqa: E501
    "join": "{% for i in range(9999) %}{{ (range(99999) | join(messages | string)) | length }}{% endfor %}",
    "batch": "{% for i in range(99999) %}{% for b in range(99999) | batch(2) %}{% endfor %}{% endfor %}",
    "unique": "{% for i in range(99999) %}{{ range(99999) | map('string') | unique | list | length }}{% endfor %}",
    "wordwrap": "{% for i in range(9999) %}{{ ('a ' * 9000000) | wordwrap(1) | length }}{% endfor %}",
    "urlize": "{{ ('http://a.b/' * 3000000) | urlize | urlize | urlize | length }}{{ 9 ** (9 ** 9) }}",
    "recursive macro that loops": "{% macro m(n) %}{% for i in range(9999) %}{{ m(n) }}{% endfor %}{% endmacro %}"
    + NESTED,
    "tojson": "{% set ns = namespace(x=[1]) %}{% for i in range(27) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson | length }}",  # noqa: E501
    "cartesian": "{% for a in range(99999) %}{% for b in range(99999) if b == 3 %}{% endfor %}{% endfor %}",
    "shift": "{{ (1 * 2 ** 999999999) // 3 ** 99999999 }}",
    "slice": "{% for i in range(99999) %}{% for s in range(99999) | slice(50000) %}{% endfor %}{% endfor %}",
    "lipsum": "{{ lipsum(n=99999, min=9999, max=99999) | length }}",
    "cycle": "{% for i in range(99999) %}{% set c = cycler(*range(99999)) %}{% endfor %}",
    "sum": "{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}",
}
HARMLESS = {
    "attributes": "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ '%s' }}".replace("%s", CANARY[:0]),
    "globals": "{{ raise_exception.__globals__['__builtins__'].__import__('os').popen('echo "
    + CANARY[:7]
    + "'~'9d1f').read() }}",
    "format trick": "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "format_map": "{{ '{a.__class__}'.format_map({'a': messages}) }}",
    "attr filter": "{{ messages | attr('__class__') | attr('__base__') }}",
    "attr by map": "{{ [messages] | map(attribute='__class__') | list }}",
    "cycler globals": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "namespace": "{{ namespace.__init__.__globals__ }}",
    "self": "{{ self._TemplateReference__context.environment }}",
    "joiner": "{{ joiner.__init__.__globals__.os }}",
    "generator": "{{ (messages | map('string')).gi_frame.f_builtins }}",
    "stored format": "{% set f = '{0.__class__}'.format %}{{ f(messages) }}",
    "change a list": "{{ messages.append(1) }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}{{ os.system('id') }}",
    "extends": "{% extends 'x' %}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "mutual recursion": "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
    "range over the cap": "{% for i in range(999999999999) %}{% endfor %}",
    "division by zero": "{{ 1 / 0 }}",
    "undefined": "{{ a.b.c }}",
    "index error": "{{ messages[99]['content'] }}",
    "unknown filter": "{{ messages | no_such_filter }}",
    "deep text": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "deep blocks": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "broken": "{% for m in messages %}",
    "not closed": "{{ messages",
    "NUL": "a\0b{{ messages[0]['content'] }}",
    "not text": b"\xff\xfe{{ messages }}",
    "empty": "",
    "only text": "no field at all",
    "long": "{# " + "x" * 3_000_000 + " #}{{ messages[0]['content'] }}",
    "raises": "{{ raise_exception('no') }}",
    "long output": "{{ ('word ' * 3000000) }}",
    "special tokens": "{{ '<|im_start|><|im_end|><s></s><unk>' * 500 }}",
    "another language": "<%= system('id') %>${7*7}{php}echo 1;{/php}",
}


def stopped(rng):
    """A template that does not end, or takes all memory."""
    name, document = any_base(rng, among=("nano", "spm", "bpe", "embedding", "dense"))
    return name, document.setting(KEY, STOPPED[rng.choice(list(STOPPED))]).to_bytes()


def harmless(rng):
    """A template that fails, or tries to get out and cannot."""
    name, document = any_base(rng, among=("nano", "spm", "bpe", "embedding", "dense"))
    return name, document.setting(KEY, HARMLESS[rng.choice(list(HARMLESS))]).to_bytes()


def of_another_type(rng):
    name, document = any_base(rng)
    return name, document.setting(KEY, rng.choice((7, True, 1.5, ["a", "b"], [1, 2]))).to_bytes()


KINDS = (stopped, harmless, harmless, of_another_type)
