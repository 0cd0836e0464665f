"""Programming languages, known by the names of files and by the first line of scripts."""

import re
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """`name` is what people call it; `suffixes` and `filenames` are in lower case."""

    name: str
    content_type: str
    suffixes: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    interpreters: tuple[str, ...] = ()


def language(name: str, subtype: str, suffixes: str, *, filenames: str = "", interpreters: str = "") -> Language:
    """A row of the table."""
    return Language(
        name=name,
        content_type=f"text/x-{subtype}",
        suffixes=tuple(suffixes.split()),
        filenames=tuple(filenames.split()),
        interpreters=tuple(interpreters.split()),
    )


LANGUAGES = (
    language("Python", "python", ".py .pyi .pyw", interpreters="python python2 python3 pypy"),
    language("JavaScript", "javascript", ".js .mjs .cjs .jsx", interpreters="node"),
    language("TypeScript", "typescript", ".ts .tsx .mts .cts", interpreters="deno"),
    language("Java", "java", ".java"),
    language("Kotlin", "kotlin", ".kt .kts"),
    language("Scala", "scala", ".scala"),
    language("C", "c", ".c .h"),
    language("C++", "c++", ".cc .cpp .cxx .hpp .hh .hxx"),
    language("C#", "csharp", ".cs"),
    language("Go", "go", ".go"),
    language("Rust", "rust", ".rs"),
    language("Swift", "swift", ".swift"),
    language("Ruby", "ruby", ".rb .rake", filenames="rakefile gemfile", interpreters="ruby"),
    language("PHP", "php", ".php", interpreters="php"),
    language("Perl", "perl", ".pl .pm", interpreters="perl"),
    language("Lua", "lua", ".lua", interpreters="lua"),
    language("R", "r", ".r", interpreters="rscript"),
    language("Julia", "julia", ".jl", interpreters="julia"),
    language("Haskell", "haskell", ".hs"),
    language("OCaml", "ocaml", ".ml .mli"),
    language("Erlang", "erlang", ".erl .hrl", interpreters="escript"),
    language("Elixir", "elixir", ".ex .exs", interpreters="elixir"),
    language("Clojure", "clojure", ".clj .cljs .cljc"),
    language("Lisp", "lisp", ".lisp .el .scm"),
    language("Dart", "dart", ".dart"),
    language("Objective-C", "objectivec", ".m .mm"),
    language("Fortran", "fortran", ".f .f90 .f95"),
    language("Pascal", "pascal", ".pas .dpr"),
    language("Assembly", "asm", ".s .asm"),
    language("Shell", "shellscript", ".sh .bash .zsh .ksh", interpreters="sh bash dash zsh ksh"),
    language("PowerShell", "powershell", ".ps1 .psm1"),
    language("SQL", "sql", ".sql"),
    language("CSS", "css", ".css .scss .less"),
    language("Vue", "vue", ".vue"),
    language("Svelte", "svelte", ".svelte"),
    language("Protocol Buffers", "protobuf", ".proto"),
    language("GraphQL", "graphql", ".graphql .gql"),
    language("Terraform", "terraform", ".tf"),
    language("Make", "makefile", ".mk", filenames="makefile gnumakefile"),
    language("CMake", "cmake", ".cmake", filenames="cmakelists.txt"),
    language("Dockerfile", "dockerfile", ".dockerfile", filenames="dockerfile containerfile"),
)

SUFFIXES = {suffix: each for each in LANGUAGES for suffix in each.suffixes}
FILENAMES = {filename: each for each in LANGUAGES for filename in each.filenames}
INTERPRETERS = {name: each for each in LANGUAGES for name in each.interpreters}
BY_TYPE = {each.content_type: each for each in LANGUAGES}


def language_of(beginning: str, filename: str) -> Language | None:
    """The language of a text, by its name, else by the interpreter that its first line asks for."""
    name = PurePath(filename).name.lower()
    known = FILENAMES.get(name) or SUFFIXES.get(PurePath(name).suffix)
    if known or not beginning.startswith("#!"):
        return known
    first_line = beginning.split("\n", 1)[0]
    return next((INTERPRETERS[word] for word in reversed(words_of(first_line)) if word in INTERPRETERS), None)


def words_of(first_line: str) -> list[str]:
    """What may be an interpreter's name, without its version."""
    return [re.sub(r"[\d.]+$", "", word) for word in re.split(r"[\s/]+", first_line[2:].lower()) if word]
