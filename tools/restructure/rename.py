"""Renames definitions and everything that means them.

Names: {"module:name": "new"} for what a module defines at its top; {"module:Class.attr": "new"} for methods and fields.
"""
from __future__ import annotations
import ast, io, re, sys, tokenize
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from engine import Repo, Resolver, Source, absolute, TOPS
from scopes import Analysis


def token_edits(text, source, change):
    lines = text.splitlines(keepends=True)
    for token in tokenize.tokenize(io.BytesIO(text.encode()).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            new = change(token.string)
            if new != token.string:
                start = source.starts[token.start[0] - 1] + len(lines[token.start[0] - 1][: token.start[1]].encode())
                source.replace(start, start + len(token.string.encode()), new)


def spoken(names: dict[str, str]):
    """Names in backticks, in doctest lines, and after 'see'."""
    if not names:
        return lambda text: text
    word = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    ticks = re.compile(rf"(?<=`)({word})(?=[`(.\[])|(?<=`)({word})(?= )")
    bare = re.compile(rf"(?<![\w.'\"-])({word})(?=[(.])")

    def change(text):
        text = ticks.sub(lambda m: names[m[1] or m[2]], text)
        if ">>>" in text:
            lines = [bare.sub(lambda m: names[m[1]], line) if re.match(r"\s*(>>>|\.\.\.)", line) else line for line in text.split("\n")]
            text = "\n".join(lines)
        return text
    return change


def rename(repo: Repo, names: dict[str, str]):
    known = repo.modules()
    top: dict[tuple[str, str], str] = {}
    members: dict[str, list[tuple[str, str, str, dict]]] = {}
    for old, new in names.items():
        new, how = new if isinstance(new, tuple) else (new, {})
        module, _, name = old.partition(":")
        if module not in known:
            repo.warn(f"rename: no module {module} ({old})")
            continue
        tree = ast.parse(known[module].read_text())
        if "." in name:
            owner, attribute = name.split(".")
            cls = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner), None)
            if cls is None:
                repo.warn(f"rename: no class {owner} in {module}")
                continue
            members.setdefault(attribute, []).append((module, owner, new, how))
        else:
            defined = Analysis(tree).module.bound
            if name not in defined:
                repo.warn(f"rename: {module} has no {name}")
                continue
            if new in defined:
                repo.warn(f"rename: {module} has {new} already ({name})")
                continue
            top[module, name] = new
    resolver = Resolver(known, {}, {(m, n): (m, new) for (m, n), new in top.items()}, {})
    changed = {}
    for path in repo.python():
        text = path.read_text(encoding="utf-8")
        new = rename_in(repo, path, text, top, members, known, resolver)
        if new != text:
            changed[path] = new
    for path, new in changed.items():
        path.write_text(new, encoding="utf-8")
    for path in repo.texts():
        if path.suffix == ".md" and path.name != "CHANGELOG.md":
            text = path.read_text(encoding="utf-8")
            new = resolver.text(text)
            if new != text:
                path.write_text(new, encoding="utf-8")
    repo.tidy()


def rename_in(repo, path, text, top, members, known, resolver):
    me = repo.name(path)
    tree = ast.parse(text)
    source = Source(text)
    analysis = Analysis(tree)
    local: dict[tuple[int, str], str] = {}  # (scope id, name) -> new name
    said: dict[str, str] = {}
    modules: dict[tuple[int, str], str] = {}
    for (module, name), new in top.items():
        if module == me:
            local[id(analysis.module), name] = new
            said[name] = new
    aliases = []
    for node, alias, scope in analysis.imports:
        if isinstance(node, ast.ImportFrom):
            module = absolute(node, me, path.name == "__init__.py")
            if module is None or module.split(".")[0] not in TOPS:
                continue
            full = f"{module}.{alias.name}"
            new = top.get((module, alias.name))
            if new is None and full in known:
                modules[id(scope), alias.asname or alias.name] = full
                continue
            if new is None:
                # re-exported by a package's __init__
                new = reexported(known, module, alias.name, top)
            if new is None:
                continue
            start, end = source.span(alias)
            if alias.asname:
                source.replace(start, end, new + (f" as {alias.asname}" if alias.asname != new else "") if alias.asname != alias.name else f"{new} as {new}")
                if alias.asname == alias.name:
                    local[id(scope), alias.name] = new
            else:
                here = scope.bound.get(alias.name, [])
                others = [n for n in here if not isinstance(n, ast.alias)]
                taken = new in scope.bound or collides(analysis, scope, alias.name, new)
                if others or taken:
                    source.replace(start, end, f"{new} as {alias.name}")
                    repo.warn(f"{path.relative_to(repo.root)}: {new} as {alias.name}")
                else:
                    source.replace(start, end, new)
                    local[id(scope), alias.name] = new
                    said[alias.name] = new
    if path.name == "__init__.py":
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                for item in ast.walk(node.value):
                    if isinstance(item, ast.Constant) and item.value in said:
                        source.replace(*source.span(item), f'"{said[item.value]}"')
    # definitions
    for (module, name), new in top.items():
        if module == me:
            for node in analysis.module.bound.get(name, []):
                if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                    definition_name(source, text, node, new)
            if collides(analysis, analysis.module, name, new):
                repo.warn(f"{path.relative_to(repo.root)}: {new} is bound in a function that uses {name}")
    for node, scope in analysis.uses:
        where = scope.lookup(node.id)
        if where is not None and (id(where), node.id) in local:
            source.replace(*source.span(node), local[id(where), node.id])
    # module.attribute
    handled = set()
    for node, scope in analysis.attributes:
        if isinstance(node.value, ast.Name):
            where = scope.lookup(node.value.id)
            module = modules.get((id(where), node.value.id)) if where else None
            if module is None:
                continue
            handled.add(id(node))
            new = top.get((module, node.attr)) or reexported(known, module, node.attr, top)
            if new:
                start, end = source.span(node)
                source.replace(end - len(node.attr.encode()), end, new)
    for node in ast.walk(tree):  # setattr(module, "name", ...)
        if isinstance(node, ast.Call) and len(node.args) >= 2 and isinstance(node.args[0], ast.Name) and isinstance(node.args[1], ast.Constant) and "attr" in ast.unparse(node.func):
            for (key, name), module in modules.items():
                if name == node.args[0].id and (new := top.get((module, node.args[1].value))):
                    source.replace(*source.span(node.args[1]), f'"{new}"')
    # fields and methods
    docstrings: dict[tuple[int, int], str] = {}
    for attribute, owners in members.items():
        (module, owner, new, how) = owners[0]
        functions = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == attribute and id(node) not in handled:
                receiver = ast.unparse(node.value)
                if (how.get("call") and id(node) not in functions) or not re.fullmatch(how.get("receivers", ".*"), receiver, re.S):
                    print(f"    left: {path.relative_to(repo.root)}:{node.lineno}: {receiver[:50]}.{attribute}")
                    continue
                end = source.span(node)[1]
                source.replace(end - len(attribute.encode()), end, new)
            elif isinstance(node, ast.ClassDef) and any(node.name == o and me == m for m, o, *_ in owners):
                for part in node.body:
                    if isinstance(part, (ast.FunctionDef,)) and part.name == attribute:
                        definition_name(source, text, part, new)
                    elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.target.id == attribute:
                        source.replace(*source.span(part.target), new)
                docs = ast.get_docstring(node, clean=False)
                if docs and node.body and isinstance(node.body[0], ast.Expr):
                    span = source.span(node.body[0])
                    old = docstrings.get(span, source.data[span[0]:span[1]].decode())
                    docstrings[span] = re.sub(rf"(?m)^(\s+){attribute}: ", rf"\g<1>{new}: ", old)
            elif isinstance(node, ast.Call) and not how.get("call"):
                called = ast.unparse(node.func).split(".")[-1]
                if called in {o for _, o, *_ in owners} or called in ("replace", "cls", "github_card", "_clip_card", "_own") and (called != "replace" or attribute in ("submodule",)):
                    for keyword in node.keywords:
                        if keyword.arg == attribute:
                            start = source.span(keyword)[0]
                            source.replace(start, start + len(attribute.encode()), new)
    for span, docstring in docstrings.items():
        if docstring != source.data[span[0]:span[1]].decode():
            source.replace(*span, docstring)
    change = spoken({k: v for k, v in said.items() if k != "\0"})
    taken = [(a, b) for a, b, _ in source.edits]
    inner = Source(text)
    token_edits(text, inner, lambda s: change(resolver.text(s)))
    for start, end, new in inner.edits:
        if not any(a < end and start < b for a, b in taken):
            source.replace(start, end, new)
    return source.result()


def definition_name(source, text, node, new):
    """The name in `def name(` or `class name`."""
    start = source.at(node.lineno, node.col_offset)
    head = source.data[start:start + 400].decode(errors="ignore")
    match = re.match(r"(?:async\s+)?(?:def|class)\s+", head)
    begin = start + len(head[: match.end()].encode())
    source.replace(begin, begin + len(node.name.encode()), new)


def collides(analysis, scope, old, new):
    """Whether `new` is bound locally somewhere that uses `old` of this scope."""
    for node, used in analysis.uses:
        if node.id == old and used.lookup(old) is scope:
            where = used.lookup(new)
            if where is not None and where is not scope:
                return True
    return False


_cache: dict[tuple[str, str], tuple[str, str] | None] = {}


def reexported(known, module, name, top):
    """The new name of what a package's __init__ imports from one of its modules."""
    path = known.get(module)
    if path is None or path.name != "__init__.py":
        return None
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name and (node.module, alias.name) in top and (alias.asname or alias.name) == alias.name:
                    return top[node.module, alias.name]
    return None


def local(repo: Repo, files: list[str], names: dict[str, str], force=()):
    """Every identifier of these names in these files, attributes and keywords among them, and the same words in backticks."""
    for file in files:
        path = repo.root / file
        if not path.exists():
            repo.warn(f"local: no file {file}")
            continue
        text = path.read_text(encoding="utf-8")
        tokens = list(tokenize.tokenize(io.BytesIO(text.encode()).readline))
        present = {t.string for t in tokens if t.type == tokenize.NAME}
        todo = {old: new for old, new in names.items() if old in present}
        if clash := (set(todo.values()) & present) - set(force):
            repo.warn(f"local: {file} has {sorted(clash)} already")
            todo = {old: new for old, new in todo.items() if new not in clash}
        if not todo:
            continue
        source = Source(text)
        lines = text.splitlines(keepends=True)
        for token in tokens:
            start = source.starts[token.start[0] - 1] + len(lines[token.start[0] - 1][: token.start[1]].encode()) if token.start[0] else 0
            if token.type == tokenize.NAME and token.string in todo:
                source.replace(start, start + len(token.string.encode()), todo[token.string])
            elif token.type == tokenize.STRING:
                new = token.string
                for old, name in todo.items():
                    new = re.sub(rf"(?m)^(\s+){old}: (?=\S)", rf"\g<1>{name}: ", new)
                    new = new.replace(f"`{old}`", f"`{name}`")
                    if re.match(r"r?f", new):  # names inside an f-string
                        new = re.sub(rf"(?<=[{{(, ]){old}(?=[}}.!:,)\[ ])(?![^{{]*$)", name, new)
                if new != token.string:
                    source.replace(start, start + len(token.string.encode()), new)
        path.write_text(source.result(), encoding="utf-8")
    repo.tidy()
