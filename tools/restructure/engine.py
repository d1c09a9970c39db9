"""Moves modules and pieces of modules of a Python project and rewrites everything that speaks of them."""
from __future__ import annotations
import ast, io, re, subprocess, sys, tokenize
from collections import defaultdict
from pathlib import Path

TOPS = ("fusionbench", "tests")
VENV = Path(sys.executable).parent


def sh(*words, cwd, check=True):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


class Source:
    """Text with edits at positions of ast nodes (utf-8 columns)."""
    def __init__(self, text: str):
        self.text = text
        self.data = text.encode()
        self.starts = [0]
        for line in self.data.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.edits: list[tuple[int, int, str]] = []

    def at(self, line, col):
        return self.starts[line - 1] + col

    def span(self, node):
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def replace(self, start, end, new):
        self.edits.append((start, end, new))

    def result(self) -> str:
        data = self.data
        last = None
        for start, end, new in sorted(set(self.edits), reverse=True):
            assert last is None or end <= last, "overlapping edits"
            data = data[:start] + new.encode() + data[end:]
            last = start
        return data.decode()


class Repo:
    def __init__(self, root: Path):
        self.root = Path(root)
        self.warnings: list[str] = []

    # --- files
    def tracked(self, *patterns):
        return [self.root / line for line in sh("git", "ls-files", "-z", *patterns, cwd=self.root).split("\0") if line and (self.root / line).is_file()]

    def python(self):
        return self.tracked("*.py")

    def warn(self, text):
        self.warnings.append(text)
        print("  !", text)

    def name(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def modules(self) -> dict[str, Path]:
        return {self.name(p): p for p in self.python() if p.relative_to(self.root).parts[0] in TOPS}

    def path(self, module: str, package=False) -> Path:
        base = self.root / Path(*module.split("."))
        return base / "__init__.py" if package else base.with_suffix(".py")

    # --- moving whole modules
    def move(self, moves: dict[str, str], files: dict[str, str] | None = None, docs: dict[str, str] | None = None):
        """moves: module -> module; files: other paths or folders; docs: docstrings of new packages."""
        known = self.modules()
        real = {}
        for old, new in moves.items():
            if old not in known:
                self.warn(f"no module {old} to move to {new}")
                continue
            real[old] = new
        file_moves = {}
        for old, new in (files or {}).items():
            if not (self.root / old).exists():
                self.warn(f"no file {old}")
                continue
            file_moves[old] = new
        trees = {p: p.read_text(encoding="utf-8") for p in self.texts()}
        was = {p: self.name(p) for p in self.python()}
        # a flat module foo.py that becomes a package foo/ must leave before the folder is made
        staged = {}
        for old, new in real.items():
            source = known[old]
            target = self.path(new, package=source.name == "__init__.py")
            temporary = source.with_name(source.name + ".moving")
            sh("git", "mv", str(source), str(temporary), cwd=self.root)
            staged[source] = (temporary, target)
        for temporary, target in staged.values():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                raise SystemExit(f"{target} exists")
            sh("git", "mv", str(temporary), str(target), cwd=self.root)
        for old, new in file_moves.items():
            target = self.root / new
            target.parent.mkdir(parents=True, exist_ok=True)
            sh("git", "mv", str(self.root / old), str(target), cwd=self.root)
        for package, doc in (docs or {}).items():
            init = self.path(package, package=True)
            if not init.exists() or not init.read_text().strip():
                init.parent.mkdir(parents=True, exist_ok=True)
                init.write_text(f'"""{doc}"""\n', encoding="utf-8")
                sh("git", "add", str(init), cwd=self.root)
        paths = {str(source.relative_to(self.root)): str(target.relative_to(self.root)) for source, (_, target) in staged.items()}
        new_place = {source: target for source, (_, target) in staged.items()}
        self.rewrite(trees, was, known, real, {}, new_place, {**paths, **file_moves})

    def texts(self):
        skip = {".safetensors", ".png", ".pdf", ".csv", ".jpg", ".npz"}
        return [p for p in self.tracked() if p.suffix not in skip and "snapshots" not in p.parts and p.name not in ("CHANGELOG.md", "LICENSE")
                and "pretrained" not in p.parts and not self.is_prompts(p)]

    @staticmethod
    def is_prompts(p):
        return p.suffix == ".txt" and "lure" in p.parts

    def rewrite(self, texts, was, known, module_map, name_map, new_place=None, path_map=None):
        new_place, path_map = new_place or {}, path_map or {}
        resolver = Resolver(known, module_map, name_map, path_map)
        for path, text in texts.items():
            target = new_place.get(path, path)
            if not target.exists():
                continue
            touched = {m.rpartition(".")[2] for m in module_map} | {m.rpartition(".")[2] for m, _ in name_map}
            touched |= {Path(p).stem for p in resolver.path_map}
            if path not in new_place and not any(word in text for word in touched):
                continue
            if path.suffix == ".py":
                new = self.rewrite_python(text, was[path], self.name(target), path, target, resolver)
            else:
                new = resolver.text(text)
            if new != text:
                target.write_text(new, encoding="utf-8")

    def rewrite_python(self, text, old_name, new_name, old_path, new_path, r: "Resolver") -> str:
        tree = ast.parse(text)
        source = Source(text)
        is_package = old_path.name == "__init__.py"
        bound = bindings(tree)
        renames: dict[str, str] = {}
        statements: list[tuple[ast.stmt, list[str]]] = []
        attribute_imports: list[tuple[str, str]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = absolute(node, old_name, is_package)
                if module is None or module.split(".")[0] not in TOPS:
                    continue
                groups: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
                changed = False
                for alias in node.names:
                    full = f"{module}.{alias.name}"
                    if full in r.known and (module, alias.name) not in r.name_map:
                        new = r.module_map.get(full, full)
                        parent, _, last = new.rpartition(".")
                        local = alias.asname or alias.name
                        asname = alias.asname
                        if last != alias.name and not asname:
                            if last in bound:
                                asname = alias.name
                            else:
                                renames[alias.name] = last
                        if asname == last and asname != alias.name:
                            asname = None
                        groups[parent].append((last, asname))
                        changed |= new != full
                        # names of that module that went elsewhere
                        for attribute in sorted(attributes_of(tree, local)):
                            if (full, attribute) in r.name_map:
                                elsewhere, newname = r.name_map[full, attribute]
                                up, _, short = elsewhere.rpartition(".")
                                use = short if short not in bound or short in renames.values() else f"{short}_"
                                use = use if short not in bound else short + "_module"
                                groups[up].append((short, None if use == short else use))
                                for site in attribute_sites(tree, local, attribute):
                                    if isinstance(site, ast.Name):
                                        source.replace(*source.span(site), use)
                                changed = True
                    else:
                        new, newname = r.name_map.get((module, alias.name), (r.module_map.get(module, module), alias.name))
                        asname = alias.asname
                        if newname != alias.name and not asname:
                            if newname in bound:
                                asname = alias.name
                            else:
                                renames[alias.name] = newname
                        groups[new].append((newname, None if asname == newname and asname != alias.name else asname))
                        changed |= (new, newname) != (module, alias.name)
                if node.level and new_name.rpartition(".")[0] != old_name.rpartition(".")[0]:
                    changed = True
                if changed:
                    self.emit(source, node, groups, new_name, new_path, relative=bool(node.level))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in r.module_map:
                        start, end = source.span(alias)
                        source.replace(start, end, r.module_map[alias.name] + (f" as {alias.asname}" if alias.asname else ""))
                        if not alias.asname:
                            self.warn(f"{new_path}: import {alias.name}; look at its uses")
        if renames:
            done = {site for site in source.edits}
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and node.id in renames:
                    span = source.span(node)
                    if not any(edit[:2] == span for edit in done):
                        source.replace(*span, renames[node.id])
        # `_M + "module:attribute"`
        inside = self.prefixed(tree, source, r)
        # strings and comments
        for token in tokenize.tokenize(io.BytesIO(text.encode()).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT) or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
                new = r.text(token.string)
                if new != token.string:
                    line_start = source.starts[token.start[0] - 1]
                    line = text.splitlines(keepends=True)[token.start[0] - 1]
                    start = line_start + len(line[: token.start[1]].encode())
                    if start in inside:
                        continue
                    source.replace(start, start + len(token.string.encode()), new)
        if old_path != new_path and old_path.relative_to(self.root).parts[0] == "tests":
            shift = len(new_path.relative_to(self.root).parts) - len(old_path.relative_to(self.root).parts)
            for node in ast.walk(tree):
                if shift and isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Path(__file__).parents":
                    start, end = source.span(node.slice)
                    source.replace(start, end, str(node.slice.value + shift))
        return source.result()

    def emit(self, source, node, groups, new_name, new_path, relative):
        indent = " " * node.col_offset
        lines = []
        package = new_name if new_path.name == "__init__.py" else new_name.rpartition(".")[0]
        for module, names in groups.items():
            shown = module
            if relative and module.split(".")[0] == "tests":
                shown = relative_to(module, package)
            parts = [name + (f" as {asname}" if asname else "") for name, asname in dict.fromkeys(names)]
            lines.append(f"from {shown} import {', '.join(parts)}")
        source.replace(*source.span(node), f"\n{indent}".join(lines))

    @staticmethod
    def prefixed(tree, source, r) -> set[int]:
        """`PREFIX + 'module:attr'` with PREFIX = 'fusionbench....'; the starts of strings that are dealt with."""
        prefixes = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                if re.fullmatch(r"fusionbench(\.\w+)*\.", node.value.value) and isinstance(node.targets[0], ast.Name):
                    prefixes[node.targets[0].id] = node
        done = set()
        for variable, assignment in prefixes.items():
            old = assignment.value.value
            uses = [n for n in ast.walk(tree) if isinstance(n, ast.BinOp) and isinstance(n.left, ast.Name) and n.left.id == variable and isinstance(n.right, ast.Constant)]
            new = {id(use): r.text(old + use.right.value) for use in uses}
            if not uses or all(new[id(use)] == old + use.right.value for use in uses):
                continue
            parents = [value.partition(":")[0].rpartition(".")[0] + "." for value in new.values()]
            best = max(set(parents), key=parents.count)
            source.replace(*source.span(assignment.value), f'"{best}"')
            done.add(source.span(assignment.value)[0])
            for use in uses:
                value = new[id(use)]
                if value.startswith(best):
                    source.replace(*source.span(use.right), f'"{value.removeprefix(best)}"')
                else:
                    source.replace(*source.span(use), f'"{value}"')
                done.add(source.span(use.right)[0])
        return done

    def direct_imports(self):
        """`from a import name` where a itself imports the name from b: import it from b."""
        known = self.modules()
        origin, imported = {}, {}
        for module, path in known.items():
            if path.name == "__init__.py" or not module.startswith("fusionbench"):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in tree.body:
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fusionbench.") and node.module in known:
                    for alias in node.names:
                        if f"{node.module}.{alias.name}" not in known and known[node.module].name != "__init__.py":
                            imported[module, alias.asname or alias.name] = (node.module, alias.name)
        for key in imported:
            where = imported[key]
            while where in imported:
                where = imported[where]
            origin[key] = where
        texts = {p: p.read_text(encoding="utf-8") for p in self.python()}
        for path, text in texts.items():
            tree = ast.parse(text)
            source = Source(text)
            me = self.name(path)
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found = {a.name: origin[node.module, a.name] for a in node.names if (node.module, a.name) in origin and origin[node.module, a.name][0] != me}
                    if found:
                        groups = defaultdict(list)
                        for a in node.names:
                            module, name = found.get(a.name, (node.module, a.name))
                            groups[module].append((name, a.asname or (a.name if name != a.name else None)))
                        print(f"  direct: {path.relative_to(self.root)}: {found}")
                        self.emit(source, node, groups, me, path, relative=False)
            new = source.result()
            if new != text:
                path.write_text(new, encoding="utf-8")

    # --- cutting pieces out
    def cut(self, source: str, names: list[str] | str, target: str, doc: str = ""):
        """Move top-level definitions to another module, new or not, with the private helpers that only they use."""
        known = self.modules()
        if source not in known:
            self.warn(f"cut: no module {source}")
            return
        path, target_path = known[source], self.path(target)
        if target in known:
            target_path = known[target]
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        pieces = top_level(tree, text)
        if names == "*":
            names = [name for piece in pieces for name in piece.names]
        elif isinstance(names, str) and names.startswith("!"):
            names = [name for piece in pieces for name in piece.names if name not in names[1:].split(",")]
        missing = set(names) - {name for piece in pieces for name in piece.names}
        if missing:
            self.warn(f"cut: {source} has no {sorted(missing)}")
        names = [n for n in names if n not in missing]
        if not names:
            return
        chosen = [piece for piece in pieces if set(piece.names) & set(names)]
        while True:  # helpers that only chosen pieces use
            rest = [piece for piece in pieces if piece not in chosen]
            more = [p for p in rest if p.names and all(n.startswith("_") and not n.startswith("__") for n in p.names)
                    and any(set(p.names) & q.uses for q in chosen)
                    and not any(set(p.names) & q.uses for q in rest if q is not p)
                    and not (set(p.names) & top_uses(tree, pieces))]
            if not more:
                break
            chosen += more
        chosen.sort(key=lambda p: p.start)
        moved = [name for piece in chosen for name in piece.names]
        auto = [n for n in moved if n not in names]
        if auto:
            print(f"  cut {source} -> {target}: with {', '.join(auto)}")
        used = set().union(*(p.uses for p in chosen))
        lines = text.splitlines(keepends=True)
        body = "\n\n".join("".join(lines[p.start:p.end]).strip("\n") + "\n" for p in chosen)
        remaining = [p for p in pieces if p not in chosen]
        # imports that the moved text needs
        plain, checking = imports_of(tree, text)
        wanted = [st for local, st in plain.items() if local in used]
        wanted_checking = [st for local, st in checking.items() if local in used]
        itself = f"from {target} import "
        wanted = [st for st in wanted if not st.startswith(itself)]
        wanted_checking = [st for st in wanted_checking if not st.startswith(itself)]
        left_names = {name for p in remaining for name in p.names}
        target_text = target_path.read_text(encoding="utf-8") if target_path.exists() else (
            f'"""{doc}"""\n\nfrom __future__ import annotations\n')
        target_names = {n for p in top_level(ast.parse(target_text), target_text) for n in p.names}
        clash = target_names & set(moved)
        if clash:
            raise SystemExit(f"cut {source} -> {target}: both define {clash}")
        # what the target imports from the source and now has itself
        back = sorted((used & left_names) - target_names)
        if back:
            wanted.append(f"from {source} import {', '.join(back)}")
        if clashing := (used & left_names & target_names):
            self.warn(f"cut {source} -> {target}: {clashing} stand in both")
        new_text = add_imports(target_text, wanted, wanted_checking, drop=(source, set(moved)))
        if doc and target_path.exists():
            new_text = replace_docstring(new_text, doc)
        new_text = new_text.rstrip("\n") + "\n\n\n" + body
        # the source without them
        keep = []
        gone = set()
        for p in chosen:
            gone.update(range(p.start, p.end))
        keep = "".join(line for i, line in enumerate(lines) if i not in gone)
        texts = {p: p.read_text(encoding="utf-8") for p in self.texts()}
        was = {p: self.name(p) for p in self.python()}
        emptied = not remaining and not has_code(ast.parse(keep))
        name_map = {(source, name): (target, name) for name in moved}
        module_map = {source: target} if emptied else {}
        target_path.parent.mkdir(parents=True, exist_ok=True)
        target_path.write_text(new_text, encoding="utf-8")
        sh("git", "add", str(target_path), cwd=self.root)
        if emptied:
            sh("git", "rm", "-qf", str(path), cwd=self.root)
        else:
            uses = set().union(*(p.uses for p in remaining), top_uses(tree, pieces)) & set(moved)
            if uses:
                keep = add_imports(keep, [f"from {target} import {', '.join(sorted(uses))}"], [])
            path.write_text(keep, encoding="utf-8")
        for p in (path, target_path):
            if p.exists():
                texts[p] = p.read_text(encoding="utf-8")
                was[p] = self.name(p)
        known = {**known, target: target_path}
        path_map = {str(path.relative_to(self.root)): str(target_path.relative_to(self.root))} if emptied else {}
        self.rewrite(texts, was, known, module_map, name_map, {}, path_map)
        self.tidy([p for p in (path, target_path) if p.exists()])

    def tidy(self, paths=None):
        """Sort imports, drop those that nobody uses, format."""
        ruff = str(VENV / "ruff")
        if paths:
            names = [str(p) for p in paths if p.name != "__init__.py"]
            if names:
                sh(ruff, "check", "-q", "--fix", "--select", "F401,I,F811", "--ignore", "F722,F821", *names, cwd=self.root, check=False)
                for p in paths:
                    text = p.read_text(encoding="utf-8")
                    if (new := re.sub(r"(?m)^if TYPE_CHECKING:\n    pass\n", "", text)) != text:
                        p.write_text(new, encoding="utf-8")
                sh(ruff, "check", "-q", "--fix", "--select", "F401,I", "--ignore", "F722,F821", *names, cwd=self.root, check=False)
        sh(ruff, "check", "-q", "--fix", "--select", "I,RUF022", ".", cwd=self.root, check=False)
        sh(ruff, "format", "-q", ".", cwd=self.root)
        for path in self.python():
            text = path.read_text(encoding="utf-8")
            if any(len(line) > 120 for line in text.split("\n")) and (new := wrapped(text)) != text:
                path.write_text(new, encoding="utf-8")

    def edit(self, path: str, old: str, new: str, count=1):
        place = self.root / path
        if not place.exists():
            self.warn(f"edit: no file {path}")
            return
        text = place.read_text(encoding="utf-8")
        if text.count(old) < 1:
            if new not in text:
                self.warn(f"edit missed in {path}: {old[:70]!r}")
            return
        place.write_text(text.replace(old, new) if count == 0 else text.replace(old, new, count), encoding="utf-8")

    def commit(self, message: str):
        self.tidy()
        sh("git", "add", "-A", cwd=self.root)
        if sh("git", "status", "--porcelain", cwd=self.root).strip():
            sh("git", "commit", "-q", "-m", message, cwd=self.root)
            print("commit:", message)


class Resolver:
    DOTTED = re.compile(r"(?<![\w/.@-])((?:fusionbench|tests)(?:\.[A-Za-z_]\w*)+)(:[A-Za-z_]\w*)?")
    PATHS = re.compile(r"(?<![\w.@-])((?:fusionbench|tests)/[\w./-]*\w)")

    def __init__(self, known, module_map, name_map, path_map):
        self.known, self.module_map, self.name_map, self.path_map = known, module_map, name_map, path_map

    def text(self, text: str) -> str:
        if "fusionbench" not in text and "tests" not in text:
            return text
        return self.PATHS.sub(self._path, self.DOTTED.sub(self._dotted, text))

    def _dotted(self, match):
        parts = match[1].split(".")
        for cut in range(len(parts), 0, -1):
            module = ".".join(parts[:cut])
            if module in self.known:
                rest = parts[cut:]
                attribute = match[2][1:] if match[2] else (rest[0] if rest else "")
                new, name = self.name_map.get((module, attribute), (self.module_map.get(module, module), attribute))
                if match[2]:
                    return ".".join([new, *rest]) + f":{name}"
                return ".".join([new, *([name, *rest[1:]] if rest else [])])
        return match[0]

    def _path(self, match):
        path = match[1]
        if path in self.path_map:
            return self.path_map[path]
        if path + ".py" in self.path_map:
            return self.path_map[path + ".py"].removesuffix(".py")
        for old, new in self.path_map.items():
            if path.startswith(old + "/"):
                return new + path[len(old):]
        return path


class Piece:
    def __init__(self, names, start, end, uses):
        self.names, self.start, self.end, self.uses = names, start, end, uses


def names_of(node):
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        found = []
        for t in node.targets:
            found += [n.id for n in ast.walk(t) if isinstance(n, ast.Name)]
        return found
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def top_level(tree, text) -> list[Piece]:
    """Definitions with the comments above them and the docstring below an assignment."""
    lines = text.splitlines()
    pieces = []
    body = tree.body
    for index, node in enumerate(body):
        names = names_of(node)
        if not names:
            continue
        start = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) - 1
        while start > 0 and lines[start - 1].startswith("#"):
            start -= 1
        end = node.end_lineno
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and index + 1 < len(body):
            following = body[index + 1]
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) and isinstance(following.value.value, str):
                end = following.end_lineno
        pieces.append(Piece(names, start, end, uses_of(node)))
    return pieces


def uses_of(node):
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    for n in ast.walk(node):  # annotations written as strings
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and re.fullmatch(r"[\w\[\], .|]+", n.value) and len(n.value) < 80:
            used |= set(re.findall(r"[A-Za-z_]\w*", n.value)) if any(c.isupper() for c in n.value) else set()
    return used


def top_uses(tree, pieces):
    """Names that statements at top level use that are no definitions (if __name__ ..., __all__)."""
    used = set()
    for node in tree.body:
        if not names_of(node) and not isinstance(node, (ast.Import, ast.ImportFrom)):
            used |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return used


def has_code(tree):
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        return True
    return False


def imports_of(tree, text):
    plain, checking = {}, {}
    def collect(nodes, into):
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                for a in node.names:
                    into[a.asname or a.name] = f"from {'.' * node.level}{node.module or ''} import {a.name}" + (f" as {a.asname}" if a.asname else "")
            elif isinstance(node, ast.Import):
                for a in node.names:
                    into[a.asname or a.name.split(".")[0]] = f"import {a.name}" + (f" as {a.asname}" if a.asname else "")
    collect(tree.body, plain)
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            collect(node.body, checking)
    return plain, checking


def add_imports(text, plain, checking, drop=None):
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    if drop:  # `from source import name` for what is here now
        module, names = drop
        for node in sorted((n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == module), key=lambda n: -n.lineno):
            left = [a for a in node.names if a.name not in names]
            if len(left) == len(node.names):
                continue
            indent = " " * node.col_offset
            if left:
                new = f"{indent}from {module} import " + ", ".join(a.name + (f" as {a.asname}" if a.asname else "") for a in left) + "\n"
            else:
                new = ""
            lines[node.lineno - 1:node.end_lineno] = [new] if new else []
        tree = ast.parse("".join(lines))
        lines = "".join(lines).splitlines(keepends=True)
    have_plain, have_checking = imports_of(tree, text)
    have = set(have_plain.values())
    plain = [s for s in dict.fromkeys(plain) if s not in have]
    checking = [s for s in dict.fromkeys(checking) if s not in have and s not in set(have_checking.values())]
    if checking and "TYPE_CHECKING" not in have_plain:
        plain.append("from typing import TYPE_CHECKING")
    last = 0
    for index, node in enumerate(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            last = node.end_lineno
    block = next((n for n in tree.body if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)), None)
    if checking:
        if block:
            lines[block.end_lineno:block.end_lineno] = [f"    {s}\n" for s in checking]
        else:
            lines[last:last] = ["\nif TYPE_CHECKING:\n", *(f"    {s}\n" for s in checking)]
    lines[last:last] = [f"{s}\n" for s in plain]
    return "".join(lines)


def replace_docstring(text, doc):
    tree = ast.parse(text)
    node = tree.body[0]
    lines = text.splitlines(keepends=True)
    lines[node.lineno - 1:node.end_lineno] = [f'"""{doc}"""\n']
    return "".join(lines)


def bindings(tree) -> set[str]:
    found = set()
    for n in ast.walk(tree):
        if isinstance(n, ast.Name):
            found.add(n.id)
        elif isinstance(n, ast.arg):
            found.add(n.arg)
        elif isinstance(n, (ast.FunctionDef, ast.ClassDef)):
            found.add(n.name)
        elif isinstance(n, ast.alias):
            found.add(n.asname or n.name.split(".")[0])
    return found


def attributes_of(tree, local):
    found = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == local}
    for n in ast.walk(tree):
        if isinstance(n, ast.Call) and len(n.args) >= 2 and isinstance(n.args[0], ast.Name) and n.args[0].id == local and isinstance(n.args[1], ast.Constant) and "attr" in ast.unparse(n.func):
            found.add(n.args[1].value)
    return found


def attribute_sites(tree, local, attribute):
    for n in ast.walk(tree):
        if isinstance(n, ast.Attribute) and n.attr == attribute and isinstance(n.value, ast.Name) and n.value.id == local:
            yield n.value
        if isinstance(n, ast.Call) and len(n.args) >= 2 and isinstance(n.args[0], ast.Name) and n.args[0].id == local and isinstance(n.args[1], ast.Constant) and n.args[1].value == attribute and "attr" in ast.unparse(n.func):
            yield n.args[0]


def absolute(node, name, is_package):
    if not node.level:
        return node.module
    parts = name.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def relative_to(module, package):
    a, b = module.split("."), package.split(".")
    common = 0
    while common < min(len(a), len(b)) and a[common] == b[common]:
        common += 1
    return "." * (len(b) - common + 1) + ".".join(a[common:])


def wrapped(text: str) -> str:
    """Paragraphs of docstrings and comments with a line over 120 characters, filled anew."""
    import textwrap
    lines = text.split("\n")
    inside = set()
    for token in tokenize.tokenize(io.BytesIO(text.encode()).readline):
        if token.type == tokenize.STRING and token.string.startswith(('"""', 'r"""')):
            inside.update(range(token.start[0] - 1, token.end[0]))
    index = 0
    while index < len(lines):
        line = lines[index]
        comment = re.match(r"(\s*# )", line)
        if len(line) <= 120 or not (index in inside or comment):
            index += 1
            continue
        lead = re.match(r"\s*(# )?", line)[0]
        if index in inside and '"""' in line:
            index += 1
            continue

        def same(other):
            return other.startswith(lead) and len(other) > len(lead) and other[len(lead)] not in " -" and '"""' not in other and not re.match(r"\w+: ", other[len(lead):])

        first = index
        end = index + 1
        while end < len(lines) and (end in inside or comment) and same(lines[end]):
            end += 1
        body = " ".join(part[len(lead):] for part in lines[first:end])
        hang = lead
        filled = textwrap.wrap(body, 120 - len(lead), break_long_words=False, break_on_hyphens=False)
        lines[first:end] = [lead + filled[0], *(hang + part for part in filled[1:])]
        index = first + len(filled)
    return "\n".join(lines)
