"""Which binding each name of a module means: enough of Python's scoping to rename safely."""
from __future__ import annotations
import ast

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSION = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Scope:
    def __init__(self, kind, parent, node=None):
        self.kind, self.parent, self.node = kind, parent, node
        self.bound: dict[str, list[ast.AST]] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()

    def bind(self, name, node):
        if name in self.globals:
            root = self
            while root.parent:
                root = root.parent
            root.bound.setdefault(name, []).append(node)
        elif name not in self.nonlocals:
            self.bound.setdefault(name, []).append(node)

    def lookup(self, name):
        scope, first = self, True
        while scope:
            if (first or scope.kind != "class") and name in scope.bound and name not in scope.globals:
                return scope
            if name in scope.globals:
                while scope.parent:
                    scope = scope.parent
                return scope if name in scope.bound else None
            first = False
            scope = scope.parent
        return None


class Analysis(ast.NodeVisitor):
    """After construction: `uses` is a list of (Name node, scope where it is used)."""

    def __init__(self, tree):
        self.module = Scope("module", None, tree)
        self.scope = self.module
        self.uses: list[tuple[ast.Name, Scope]] = []
        self.imports: list[tuple[ast.AST, ast.alias, Scope]] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.deferred = []
        for statement in tree.body:
            self.visit(statement)

    def function(self, node, scope_kind="function"):
        args = node.args
        for default in [*args.defaults, *[d for d in args.kw_defaults if d]]:
            self.visit(default)
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *([args.vararg] if args.vararg else []), *([args.kwarg] if args.kwarg else [])]
        for arg in every:
            if arg.annotation:
                self.visit(arg.annotation)
        if getattr(node, "returns", None):
            self.visit(node.returns)
        for decorator in getattr(node, "decorator_list", []):
            self.visit(decorator)
        outer = self.scope
        self.scope = Scope(scope_kind, outer, node)
        for arg in every:
            self.scope.bind(arg.arg, arg)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            self.visit(statement)
        self.scope = outer

    def visit_FunctionDef(self, node):
        self.scope.bind(node.name, node)
        self.function(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.function(node)

    def visit_ClassDef(self, node):
        self.scope.bind(node.name, node)
        for part in [*node.bases, *[k.value for k in node.keywords], *node.decorator_list]:
            self.visit(part)
        outer = self.scope
        self.scope = Scope("class", outer, node)
        for statement in node.body:
            self.visit(statement)
        self.scope = outer

    def comprehension(self, node):
        self.visit(node.generators[0].iter)
        outer = self.scope
        self.scope = Scope("comprehension", outer, node)
        for index, generator in enumerate(node.generators):
            self.visit(generator.target)
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self.scope = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_NamedExpr(self, node):
        scope = self.scope
        while scope.kind == "comprehension":
            scope = scope.parent
        scope.bind(node.target.id, node.target)
        self.uses.append((node.target, scope))
        self.visit(node.value)

    def visit_Name(self, node):
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            self.scope.bind(node.id, node)
        self.uses.append((node, self.scope))

    def visit_Attribute(self, node):
        self.attributes.append((node, self.scope))
        self.visit(node.value)

    def visit_Global(self, node):
        self.scope.globals.update(node.names)

    def visit_Nonlocal(self, node):
        self.scope.nonlocals.update(node.names)

    def visit_ExceptHandler(self, node):
        if node.type:
            self.visit(node.type)
        if node.name:
            self.scope.bind(node.name, node)
        for statement in node.body:
            self.visit(statement)

    def visit_Import(self, node):
        for alias in node.names:
            self.scope.bind(alias.asname or alias.name.split(".")[0], alias)
            self.imports.append((node, alias, self.scope))

    def visit_ImportFrom(self, node):
        for alias in node.names:
            self.scope.bind(alias.asname or alias.name, alias)
            self.imports.append((node, alias, self.scope))

    def visit_MatchAs(self, node):
        if node.name:
            self.scope.bind(node.name, node)
        self.generic_visit(node)
