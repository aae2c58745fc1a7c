"""What compiled functions must do as CPython does: functions, argument types, and calls."""

import itertools
import math

CASES = []


def check(function, types, *calls, may_leave=False):
    """`may_leave`: native code may leave the case to another engine where CPython has an answer."""
    CASES.append((function, types, [tuple(call) for call in calls], may_leave))

INTS = [0,1,-1,7,-7,3,-3,12,2**31,2**62,-2**63,2**63-1]
FLOATS = [0.0,-0.0,1.0,-1.5,3.25,1e308,-1e308,float('inf'),float('-inf'),float('nan'),1e-320,2.0**53]
def divs(a,b): return (a//b,a%b,a/b)
check(divs,["int","int"],*itertools.product(INTS,INTS))
def ar(a,b): return [a+b, a-b, a*b]
check(ar,["int","int"],*itertools.product(INTS,INTS))
def bits(a,b): return [a&b,a|b,a^b,~a,-a,abs(b)]
check(bits,["int","int"],*itertools.product(INTS,INTS))
def sh(a,b): return (a<<b, a>>b)
check(sh,["int","int"],*itertools.product(INTS,[0,1,5,62,63,64,-1,1000]), may_leave=True)
def konst(a): return (a*3, a+7, a-9, a//4, a%4, a//7, a%7, a*-2, 5-a, a<<3, a>>2, a//-3)
check(konst,["int"],*[(v,) for v in INTS], may_leave=True)
def cmp(a,b): return [a<b,a<=b,a==b,a!=b,a>b,a>=b]
for t in (["int","int"],["int","float"],["float","int"],["float","float"]):
    x=INTS if t[0]=="int" else FLOATS; y=INTS if t[1]=="int" else FLOATS
    check(cmp,t,*itertools.product(x,y))
def fa(a,b): return [a+b,a-b,a*b]
check(fa,["float","float"],*itertools.product(FLOATS,FLOATS))
def fd(a,b): return (a/b,a//b,a%b)
check(fd,["float","float"],*itertools.product(FLOATS,FLOATS))
check(fd,["float","int"],*itertools.product(FLOATS,INTS))
def fp(a,b): return a**b
check(fp,["float","float"],*itertools.product([0.0,1.0,2.5,-2.0],[0.0,1.0,2.0,-1.0,0.5]), may_leave=True)
def ip(a,b): return a**b
check(ip,["int","int"],*itertools.product([0,1,-1,2,-3,10],[0,1,2,5,18,19,63]), may_leave=True)
def sq(a): return a**2
check(sq,["float"],*[(v,) for v in FLOATS]); check(sq,["int"],*[(v,) for v in INTS])
def boolmix(a,b): return (a+True, b+1, a if b else 2, b and a, b or a, not a, a==b, b<a)
check(boolmix,["int","bool"],*itertools.product([0,1,5],[True,False]))
def loop(n):
    s=0
    for i in range(n):
        if i%3==0: continue
        if i>50: break
        s+=i
    else: s=-s
    return s
check(loop,["int"],(0,),(10,),(100,),(-3,))
def wh(n):
    c=0
    while n!=1:
        if n%2==0: n//=2
        else: n=3*n+1
        c+=1
    else: c+=100
    return c
check(wh,["int"],(1,),(27,),(97,))
def lists(n):
    a=[]
    for i in range(n): a.append(i*i)
    b=[x+1 for x in a if x%2==0]
    b[0]=99
    b[-1]+=5
    return (a,b,len(a),a[1:3],a[::-1],a+b,a*2,sum(a),max(a),min(b))
check(lists,["int"],(5,),(0,),(1,),(2,))
def nest(n):
    m=[[float(i*j) for j in range(n)] for i in range(n)]
    for i in range(n):
        for j in range(n):
            m[i][j]+=0.5
    m[0]=[1.0]
    return m
check(nest,["int"],(3,),(1,),(0,))
def matmul(a,b,n):
    c=[[0.0]*n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            s=0.0
            for k in range(n): s+=a[i][k]*b[k][j]
            c[i][j]=s
    return c
m=[[1.0,2.0],[3.0,4.0]]
check(matmul,["list[list[float]]","list[list[float]]","int"],(m,m,2),(m,m,3),(m,m,0))
def swap(a,b):
    a,b=b,a
    (a,b),c=(b,a),a
    xs=[a,b,c]
    xs[0],xs[2]=xs[2],xs[0]
    x,y,z=xs
    return x*100+y*10+z
check(swap,["int","int"],(1,2))
def unb(c):
    if c: x=1
    return x
check(unb,["bool"],(True,),(False,))
def unb2(n):
    for i in range(n): y=i
    return (i,y)
check(unb2,["int"],(3,),(0,))
def idx(xs,i): return xs[i]
check(idx,["list[int]","int"],*[([1,2,3],i) for i in (-4,-3,-1,0,2,3,2**40)],([],0))
def idxs(xs,i,v):
    xs[i]=v
    return xs
check(idxs,["list[float]","int","float"],*[([1.0,2.0],i,9.5) for i in (-3,-2,-1,0,1,2)])
def strs(s,t): return (s+t,s*2,s==t,s<t,len(s),s[0],s[-1],s[1:],s.upper(),s.split(),s.find(t),t in s,s.replace('a','bb'),[c for c in s],s.strip(),'-'.join([s,t]))
check(strs,["str","str"],("abc a","a"),("héllo","l"),("","x"),("z","zz"))
def fs(a,b,s): return f"{a} {b!r:>8} {s} {a:05d} {b:.3f} {a=} {{}} {s!r}"
check(fs,["int","float","str"],(3,2.5,"x'"),(-7,1e300,"é"),(0,float('nan'),""))
def pr(a,b):
    print(a,b,sep=", ",end="!\n"); print(); print([a,a],(b,),{"k":a},None,True)
check(pr,["int","float"],(1,2.0),(-5,1e22))
def ass(x):
    assert x>0, f"bad {x}"
    assert x<10
    if x==5: raise ValueError("five",x)
    if x==6: raise KeyError("k")
    if x==7: raise RuntimeError
    if x==8: raise ValueError(x)
    return x
check(ass,["int"],*[(i,) for i in range(-1,12)])
def d(n):
    m={}
    for i in range(n): m[i%3]=m.get(i%3,0)+i
    k=[]
    for a,b in m.items(): k.append(a*100+b)
    return (m,k,3 in m,len(m),list(m),sorted(m.values()),{v:kk for kk,v in m.items()})
check(d,["int"],(0,),(1,),(10,))
def dk(m,k): return m[k]
check(dk,["dict[str, int]","str"],({"a":1},"a"),({"a":1},"b"),({},""))
def st(xs):
    s=set(xs); s.add(5); t={1,2}
    return (sorted(s),sorted(s&t),sorted(s|t),sorted(s-t),2 in s,len(s))
check(st,["list[int]"],([],),([1,2,2,9],))
def en(xs,ys):
    r=[]
    for i,(x,y) in enumerate(zip(xs,ys),1): r.append(i*x+y)
    for x in reversed(xs): r.append(x)
    for i in range(10,0,-3): r.append(i)
    for i in reversed(range(2,9,3)): r.append(i)
    return r
check(en,["list[int]","list[int]"],([1,2,3],[4,5]),([],[1]),([7],[8,9]))
def rs(a,b,c): return [i for i in range(a,b,c)]
check(rs,["int","int","int"],(0,10,3),(10,0,-4),(0,5,0),(5,0,1),(2**63-5,2**63-1,3),(-2**63+2,-2**63,-1))
def gens(xs): return (any(x>2 for x in xs),all(x>0 for x in xs),min(x*x for x in xs),max((x,-x) for x in xs),list(x+1 for x in xs),tuple(xs))
check(gens,["list[int]"],([1,2,3],),([-1],),([],),([5,-5,0],))
def recur(n): return 0 if n==0 else 1+recur(n-1)
check(recur,["int"],(0,),(500,)) 
def even(n): return True if n==0 else odd(n-1)
def odd(n): return False if n==0 else even(n-1)
check(even,["int"],(10,),(7,))
def dflt(a,b=2,*,c=3): return a*100+b*10+c
def usedflt(a): return (dflt(a),dflt(a,5),dflt(a,c=9),dflt(b=1,a=a),dflt(c=a,a=1))
check(usedflt,["int"],(1,),(4,))
K=10; T=(1,2.5,"x"); L=[[1,2],[3]]; D={"a":1,"b":2}
def cap(x):
    L[0].append(x)
    return (K+x,T[1],T[2],L,D["b"],D)
check(cap,["int"],(5,))
def m1(x): return (math.sqrt(x),math.sin(x),math.floor(x),math.ceil(x),math.pi*x,math.exp(x))
check(m1,["float"],(2.0,),(0.5,),(-1.0,),(float('nan'),))
def wal(xs):
    t=0
    while (n:=len(xs))>0:
        t+=xs.pop()*n
    if (k:=t)>3: k+=1
    return (t,k,[y:=i*2 for i in range(3)],y)
check(wal,["list[int]"],([1,2,3],),([],))
def chain(a,b,c): return (a<b<c, a<b>c, a==b==c, 0<=a<10)
check(chain,["int","int","int"],(1,2,3),(3,2,1),(5,5,5))
def rnd(x,n): return (round(x),round(x,n),int(x),abs(x))
check(rnd,["float","int"],(2.5,1),(-3.7,0),(1234.5678,-2),(1e20,1),(float('inf'),1), may_leave=True)
def conv(s): return (int(s),float(s),bool(s),str(int(s)))
check(conv,["str"],("12",),("-7 ",),("x",),("",))
def dl(xs):
    del xs[0]
    y=xs[0]; 
    del y
    return xs
check(dl,["list[int]"],([1,2,3],),([],),([1],))
def ext(n):
    a=[1]; a+=[2,3]; a.extend([4]); a.insert(0,9); a.sort(reverse=True); b=a.copy(); b.reverse(); a*=2
    return (a,b,a.index(9),a.count(1),sorted(a,key=lambda v:-v))
check(ext,["int"],(0,))
def neverend(n):
    while True:
        n+=1
        if n>10: return n
check(neverend,["int"],(0,),(20,))
def union_total(xs):
    total = 0
    for x in xs: total += x * 0.5
    return total
check(union_total, ["list[float]"], ([],), ([1.0, 2.5],), ([-0.0],))
def first_even(xs):
    found = None
    for x in xs:
        if x % 2 == 0:
            found = x
            break
    return found
check(first_even, ["list[int]"], ([1, 3],), ([1, 4, 6],), ([],))
def narrowed(xs):
    best = None
    for x in xs:
        if best is None or x > best:
            best = x
    if best is None:
        return -1
    return best + 1
check(narrowed, ["list[int]"], ([],), ([3, 9, 2],))
def mean(xs): return sum(xs) / len(xs)
check(mean, ["list[float]"], ([1.0, 2.0],), ([],))
check(mean, ["list[int]"], ([1, 2],), ([],))
def optional(x): return "none" if x is None else f"{x + 1}"
check(optional, ["int | None"], (None,), (4,))
def lists_of_lists(n):
    rows = []
    for i in range(n):
        row = []
        for j in range(i): row.append((i, j, i * j > 3))
        rows.append(row)
    return rows
check(lists_of_lists, ["int"], (0,), (4,))
def words(text):
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
check(words, ["str"], ("the cat The dog",), ("",))
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def dict_counts(xs):
    seen = {}
    for x in xs: seen.setdefault(x, []).append(len(seen))
    del seen[xs[0]]
    return (seen, seen.pop(99, [7]), {k: len(v) for k, v in seen.items()})
check(dict_counts, ["list[int]"], ([1, 2, 1, 3],), ([5],), ([],))
def mapped(xs): return (list(map(abs, xs)), sum(map(lambda x: x * x, xs)), [s for s in map(str, xs)], list(filter(None, xs)))
check(mapped, ["list[int]"], ([1, -2, 0],), ([],))
def slices(xs, a, b):
    ys = xs[:]
    ys[a:b] = [7, 8, 9]
    del ys[::2]
    return (xs[a:b], xs[a:], xs[:b], xs[::-2], ys, xs == ys, xs < ys)
check(slices, ["list[int]", "int", "int"], ([1, 2, 3, 4], 1, 3), ([1, 2], -5, 9), ([], 0, 0))
LETTERS = {"I": 1, "V": 5, "X": 10}
KNOWN = {3, 5, 8}
NESTED = {"a": {"b": 1}, "c": {}}
def captured_dict(text):
    total = 0
    for a, b in zip(text, text[1:] + " "):
        value = LETTERS[a]
        total += -value if b in LETTERS and LETTERS[b] > value else value
    return (total, [letter in LETTERS for letter in text], list(LETTERS), len(LETTERS))
check(captured_dict, ["str"], ("XIV",), ("IX",), ("",), ("A",))
def captured_set(xs): return ([x in KNOWN for x in xs], sorted(KNOWN), KNOWN, KNOWN, len(KNOWN))
check(captured_set, ["list[int]"], ([1, 3, 5, 8, 3],), ([],))
def captured_nested(key, times):
    found = []
    for _ in range(times):
        inner = NESTED[key]
        found.append((key in NESTED, len(inner), list(inner)))
    return (found, NESTED)
check(captured_nested, ["str", "int"], ("a", 3), ("c", 2), ("x", 1))
def columns(rows): return ([list(column) for column in zip(*rows)], list(zip(*rows)), [sum(c) for c in zip(*rows)])
check(columns, ["list[list[int]]"], ([[1, 2], [3, 4]],), ([[1, 2, 3], [4]],), ([],), ([[]],), ([[5]],))
def columns_of_words(rows): return [[word * n for n, word in enumerate(column)] for column in zip(*rows)]
check(columns_of_words, ["list[list[str]]"], ([["a", "b"], ["c", "d"], ["e", "f"]],), ([],))
def columns_that_change(rows):
    seen = []
    for column in zip(*rows):
        seen.append(column)
        rows[0].pop()
        rows.append([9])
    return (seen, rows)
check(columns_that_change, ["list[list[int]]"], ([[1, 2, 3, 4], [5, 6, 7, 8]],))
def columns_of_tuples(pairs): return list(zip(*pairs))
check(columns_of_tuples, ["tuple[list[int], list[str]]"], (([1, 2, 3], ["a", "b"]),), (([], ["a"]),))
check(columns_of_tuples, ["list[tuple[int, ...]]"], ([(1, 2), (3, 4)],), ([],))
def nearest(distances, start):
    best = None
    for node in distances:
        if node != start and (best is None or distances[node] < distances[best]):
            best = node
    left = set(distances)
    left.remove(best)
    return (distances[best], sorted(left), best in distances)
check(nearest, ["dict[str, int]", "str"], ({"a": 3, "b": 1, "c": 2}, "b"), ({"a": 3}, "a"))
def keyed(counts, key): return counts[key] + 1
check(keyed, ["dict[str, int]", "str | None"], ({"a": 3}, "a"), ({"a": 3}, None), ({}, "b"))
def distance(a, b): return math.dist(a, b)
check(distance, ["tuple[int, int]", "tuple[int, float]"], ((0, 0), (3, 4.0)), ((1, 2), (1, 2.0)))
def gathered(*args, **kwargs): return (args, len(args), kwargs, sorted(kwargs))
def shaped(a, /, b=2, *rest, c, d=4, **more): return (a, b, rest, c, d, more)
def calls_shaped(x, y):
    return (gathered(), gathered(x, y, k=x), gathered(*y, x, z=1, w=2), shaped(x, c=y), shaped(x, 1, x, y, c=3, d=5, e=x),
            shaped(*(x, x, x), c=y), max(*y, x))
check(calls_shaped, ["int", "tuple[int, int]"], (1, (2, 3)), (9, (0, -1)))
def order_of_arguments(x):
    return shaped(shout(x, "a"), *(shout(x, "b"), shout(x, "c")), shout(x, "d"), d=shout(x, "e"), c=shout(x, "f"))
def shout(x, name):
    print(name)
    return (x, name)
check(order_of_arguments, ["int"], (1,))
def sums(rows): return ([sum(row) for row in rows], [sum(x * 2 for x in row) for row in rows])
check(sums, ["list[list[float]]"], ([[1.0, 2.5], [3.0]],), ([[], [0.5]],), ([],))
check(sums, ["list[list[int]]"], ([[1, 2], []],))
def totals(rows):
    found = []
    by_size = {}
    for row in rows:
        total = 0
        for x in row: total += x
        found.append(total)
        by_size[len(row)] = total
        found.append(0)
    return (found, by_size, max(found, default=None), (found, 1))
check(totals, ["list[list[float]]"], ([[1.0, 2.5], [3.0], []],), ([],))
def sums_of_both(ints, floats): return (row_sums(ints), row_sums(floats))
def row_sums(rows): return [(sum(row), len(row)) for row in rows]
check(sums_of_both, ["list[list[int]]", "list[list[float]]"], ([[1, 2]], [[1.0], []]))

# NaNs, whatever made them: their bits must be CPython's up to which NaN it is, and the same everywhere.
def made_nans(a,b):
    xs=[a*b, a-b, a+b, -(a*b), abs(a-b)]
    xs[0]=xs[1]*1.0
    x=a if a>b else a-b
    return (xs, x, [x for x in [a+b,a*0.0]], max(a,b)+0.0)
check(made_nans,["float","float"],*itertools.product([0.0,-0.0,1.5,float('inf'),float('-inf')],[0.0,-1.0,float('inf'),float('-inf')]))
def nan_calls(x,n):
    def_ = nan_twice(x, n)
    return (def_, nan_twice(x-x, n), str(def_-def_), {1: x*0.0}, (x*2.0,))
def nan_twice(x,n):
    if n<=0: return x
    return nan_twice(x*x, n-1)
check(nan_calls,["float","int"],(1.0,3),(float('inf'),3),(float('-inf'),0),(1e200,4))
def nan_root(x): return (math.sqrt(x*x), math.sqrt(abs(x))*0.0, math.floor(x) if x==x and abs(x)<10.0 else 0)
check(nan_root,["float"],(2.0,),(float('inf'),),(-1e-300,))
def nan_sum(xs):
    t=0.0
    for x in xs: t+=x
    ys=[x*t for x in xs]
    ys[0]=t
    return (t, ys, t!=t)
check(nan_sum,["list[float]"],([1.0,2.0],),([float('inf'),float('-inf')],),([1e308,1e308],))

# Loops whose indexes are tested before them, and those where that fails.
def affine(xs,a,b,start,stop):
    t=0
    for i in range(start,stop): t+=xs[a+i]*(i+b)
    return t
check(affine,["list[int]","int","int","int","int"],
    ([1,2,3,4,5],0,0,0,5),([1,2,3,4,5],0,0,0,6),([1,2,3,4,5],-2,0,0,5),([1,2,3,4,5],-2,1,2,7),([1,2,3,4,5],-7,1,0,2),
    ([1,2,3,4,5],-5,1,0,10),([],0,0,0,0),([],0,0,0,1),([],0,0,3,1),([1,2],2**62,0,0,1),([1,2],-2**62,2**62,2**62,2**62+2),
    ([1,2],-2**63,0,0,1),([1,2],2**63-1,0,0,2),([1,2],0,2**63-1,0,1),([5,6],-2**31,0,2**31,2**31+2),([5,6],-2**31+1,0,2**31-1,2**31+1))
def scaled(xs,n,m):
    out=[0]*(n*m)
    for i in range(n):
        for j in range(m):
            out[j*n+i]=xs[i*m+j]+out[j*n+i]
            out[j*n+i]+=1
    return out
check(scaled,["list[int]","int","int"],([1,2,3,4,5,6],2,3),([1,2,3,4,5,6],3,2),([1,2,3,4,5],2,3),([],0,0),([],1,0),([1],1,1),([2**63-1],1,1))
def steps(n,start,stop,step):
    xs=[False]*n
    for i in range(start,stop,step): xs[i]=True
    return xs
check(steps,["int","int","int","int"],(10,0,10,3),(10,1,10,2),(10,0,11,5),(10,9,-1,-3),(10,-3,3,1),(10,-11,3,1),(10,0,12,1),(0,0,0,1),(3,0,3,2**62),(3,0,3,2**31),(3,2,-5,-1),(3,0,1,0))
def sieve_of(n):
    xs=[True]*(n+1)
    out=[]
    for p in range(2,n+1):
        if xs[p]:
            out.append(p)
            for q in range(p*p,n+1,p): xs[q]=False
    return (out,xs)
check(sieve_of,["int"],(2,),(50,),(1,),(0,))
def aliased(a):
    b=a
    for i in range(1,len(a)): a[i]=b[i-1]+1
    return (a,b,a is b)
check(aliased,["list[int]"],([5,0,0,0],),([],),([1],))
def grows(xs,n):
    for i in range(n):
        if xs[i]>2: xs.append(i)
    for i in range(n):
        if i==2: xs=[7]
        xs[0]+=xs[i%len(xs)]
    return xs
check(grows,["list[int]","int"],([1,2,3,4],4),([3,3],3),([3,3],8),([],1))
def shrinks(xs):
    n=len(xs)
    for i in range(n): xs.pop()
    t=0
    for i in range(n): t+=xs[i]
    return t
check(shrinks,["list[int]"],([1,2],),([],))
def late(xs,n):
    t=[0]
    for i in range(n):
        t[0]+=i
        if i%3==2: t[0]-=xs[i]
    return t
check(late,["list[int]","int"],([1,2,3,4],4),([1,2,3],6),([1,2],2),([],3))
def reassigned(xs,n):
    for i in range(n):
        i=i*2
        xs[i]=i
        i=n-1
        k=i
        xs[k]=i
        if i>3: k=k-1
        xs[k]+=1
    return xs
check(reassigned,["list[int]","int"],([0]*8,4),([0]*8,5),([0]*2,2),([0]*9,5))
def ends(xs,n):
    i=0
    last=-1
    for i in range(n):
        last=xs[i]
        if last<0: break
    else:
        last=100+i
    return (i,last)
check(ends,["list[int]","int"],([1,2,3],3),([1,-2,3],3),([1,2],3),([],0))
def stencil(xs,n):
    ys=[0.0]*n
    for i in range(1,n-1): ys[i]=(xs[i-1]+xs[i]+xs[i+1])/3.0
    return ys
check(stencil,["list[float]","int"],([1.0,2.0,4.0,8.0],4),([1.0],1),([],0),([1.0,2.0,3.0],4),([1.0,2.0,3.0,4.0,5.0],4))
def rows(m,n):
    t=0
    for i in range(len(m)):
        for j in range(n): t+=m[i][j]*(j+1)
    for i in range(len(m)):
        for j in range(n): m[i][j]+=j
    return (t,m)
check(rows,["list[list[int]]","int"],([[1,2],[3,4]],2),([[1,2],[3]],2),([],3),([[]],1),([[1,2,3]],2))
def tests(a,b,c):
    n=0
    while n<a and (n<b or n*n<c): n+=1
    if a>0 and (b>0 or not c>0): n+=100
    elif not (a<0 or b<0) and c!=0: n+=1000
    else: n+=10000
    while not (n>a or n>b): n+=7
    return n
check(tests,["int","int","int"],*itertools.product([-1,0,5,9],[-2,0,3],[0,30,-4]))

# Lists of bools that stay in their function, and those that do not.
def bits_kept(n,i):
    xs=[False]*n
    ys=[True]*(n+1)
    for j in range(0,n,2): xs[j]=ys[j+1]
    xs[i]=not xs[i]
    ys[-1]=xs[-1] and n>2
    t=0
    for j in range(-n,n):
        if xs[j]: t+=j+1000
        xs[j]=xs[j]!=ys[j]
    return (t,len(xs),len(ys),[xs[j] for j in range(n)],ys[i],xs[0]==True,xs[0]<ys[0],xs[0]+ys[0])
check(bits_kept,["int","int"],(1,0),(2,-1),(5,4),(5,-5),(5,5),(5,-6),(0,0),(-3,0),(3,2**62),(4,-2**63))
def bits_again(n):
    t=0
    for i in range(n):
        xs=[False]*i
        if i>1:
            xs[i-1]=True
            xs=[True]*(i//2)
        for j in range(len(xs)): t+=xs[j]*j+1
    return t
check(bits_again,["int"],(0,),(1,),(9,))
def bits_missing(n,b):
    if b: xs=[b]*n
    else: xs=[False]*n
    ys=[False]*n
    for i in range(n): ys[i]=xs[i]
    xs[0]=ys[n-1]
    return ys[n]
check(bits_missing,["int","bool"],(0,True),(2,False),(2,True))
def bits_leave(n,k):
    a=[False]*n; b=[True]*n; c=[False]*n; d=[False]*n; e=[False]*n; f=[False]*n; g=[True]*n
    for i in range(n): a[i]=i%2==0; c[i]=i>1
    d.append(True); e.reverse(); f.insert(0,True)
    b[::2]=[False]*len(b[::2])
    alias=c
    alias[k]=True
    h=[i>k for i in range(n)]
    return (a,b,sum(c),d,e,f,any(g),all(g),min(a),max(a),a==h,True in h,h.count(True),sorted(a),a+h,a[1:],alias is c,c,[x for x in g],bits_given(g,k),str(a),a*2,h.index(True) if True in h else -1)
def bits_given(xs,k):
    xs[k]=False
    return xs
check(bits_leave,["int","int"],(1,0),(4,1),(5,-1),(3,3))
def bits_in_lists(xs):
    ys=xs[:]
    for i in range(len(ys)): ys[i]=not ys[i]
    rows=[[False]*3 for _ in range(2)]
    rows[0][1]=True
    return (xs,ys,rows,(ys,1),{"k": ys})
check(bits_in_lists,["list[bool]"],([True,False],),([],))
def starred_targets(xs):
    first, *rest = xs
    *head, last = xs
    a, *middle, b = xs
    [c, *d] = rest
    return (first, rest, head, last, a, middle, b, c, d)
check(starred_targets, ["list[int]"], ([1, 2, 3, 4],), ([1, 2],), ([1],), ([],))
check(starred_targets, ["tuple[int, int, int]"], ((1, 2, 3),))
check(starred_targets, ["str"], ("abcd",), ("a",))
def starred_loop(rows): return [(a, rest) for a, *rest in rows]
check(starred_loop, ["list[list[int]]"], ([[1, 2, 3], [4]],), ([[]],))
def quick(xs):
    if not xs: return []
    pivot, *rest = xs
    return [*quick([x for x in rest if x < pivot]), pivot, *quick([x for x in rest if x >= pivot])]
check(quick, ["list[int]"], ([3, 1, 2, 3, 0],), ([],))
def starred_lists(xs, t): return ([*xs, *t, 9], [*range(3)], [*"ab", *(c for c in "cd")], [*xs], [*xs, *xs][-1])
check(starred_lists, ["list[int]", "tuple[int, int]"], ([1, 2], (3, 4)), ([], (5, 6)))
def starred_print(xs, t):
    print(*xs)
    print(*xs, sep=", ", end=";\n")
    print("n", *xs, "m", *t, *range(2), sep="-")
    print(*"", "x", *[])
check(starred_print, ["list[int]", "tuple[int, str]"], ([1, 2], (3, "z")), ([], (0, "")))
def unbound(words, text): return (sorted(words, key=str.lower), list(map(str.upper, words)), max(words, key=str.lower, default=""), str.split(text, ","), float.is_integer(2.0))
check(unbound, ["list[str]", "str"], (["b", "A", "c"], "a,b"), ([], ""))
# Products in a loop are not checked if its counter and the other parts are small.
def products(xs, n, k):
    out = []
    t = 0
    for i in range(len(xs)):
        a = (i + k) * (i + k + 1) // 2 + i + 1
        b = a // 4 - i * k
        t ^= xs[i] + a - b
        xs[i] = a * 3 - 5 * k + 9 * i
    for i in range(n - 3, n):
        t ^= xs[i - n] + (i * k) // 8
    return (xs, t)
for k in (0, 1, -1, 7, -8, 2**29, 2**30 - 9, 2**30, 2**30 + 1, -2**30, -2**30 - 1, 2**31, 2**32, -2**33, 2**40, 2**62, -2**63):
    check(products, ["list[int]", "int", "int"], ([1, 2, 3, 4], 3, k), ([5] * 9, 7, k), may_leave=abs(k) > 2**30)
def chosen(a, b, x, y):
    least = min(a, b, 7)
    most = max(a, b, -7)
    c = a + 1 if a < b else b
    d = a & 3 if x < y else b | 4
    lo = x if x < y else y
    hi = y if x < 0.0 else 1.5
    if b > a:
        most = b
    return (least, most, c, d, lo, hi, min(x, y), max(x, y, 0.0))
check(chosen, ["int", "int", "float", "float"], *[(a, b, x, y) for a, b in itertools.product([0, 3, -9, 2**63 - 1], repeat=2) for x, y in itertools.product([0.0, -0.0, 2.5, float("nan")], repeat=2)], may_leave=True)
def fixed_lists(i, x):
    v = [0.0, 1.5, x]
    w = [1, 2, 3, 4]
    rows = [[1.0, 2.0], [3.0, x]]
    for j in range(3):
        v[j] += v[2 - j] * w[j + 1]
        w[j] = w[j + 1] + len(w)
    v[-1] -= 0.5
    rows[1][0] = v[i % 3]
    return (v[0], v[i], v[1], w[i], [a for a in w], rows[i % 2])
check(fixed_lists, ["int", "float"], *[(i, 0.25) for i in (-5, -4, -3, -1, 0, 1, 2, 3, 2**40)])
def grown_list(n):
    v = [1, 2, 3]
    w = v
    for i in range(n): v.append(i)
    t = 0
    for i in range(3): t += v[i] + w[i]
    del v[0]
    for i in range(3): t += v[i]
    return (t, v, w[2])
check(grown_list, ["int"], (0,), (1,), (5,))
def counters(n):
    up = down = 0
    step = 2147483647
    big = 9223372036854775806
    while n > 0:
        n -= 1
        up += 3
        down -= 4
        step += 4
        if n % 2: up = -7
    big += 1
    return (up, down, step, big)
check(counters, ["int"], (0,), (1,), (10,), (11,))
def letters(text, i): return (text[i] == "a", text[-1] != "b", text[i + 1] == "é" if len(text) > 2 else text[0] == "é", text[len(text) - 1] == "a")
check(letters, ["str", "int"], ("abc", 0), ("abc", 1), ("aéa", 0), ("aéa", -3), ("éa", 1), ("ab", 2), ("", 0), ("ab", -3), ("abc", 2**63 - 1), may_leave=True)
def cases(text): return (text.upper(), text.lower(), text.title(), text.swapcase(), text.capitalize())
check(cases, ["str"], ("",), ("aZ@[`{z",), ("abcdefgh",), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f 0129",), ("abcdefgÉé",))
def numbers_as_text(n): return [str(n), f"{n}", str(-n), str(n // 10), repr(n)]
check(numbers_as_text, ["int"], *[(v,) for v in (0, 1, 9, 10, 11, 99, 100, -1, -10, 12345678901234567, 2**62, -2**62, 2**63 - 1, 1 - 2**63)])
def keys(xs, ys, zs):
    a = {}; b = {}; c = {}
    for x in xs: a[x] = a.get(x, 0) + 1
    for y in ys: b[y + "!"] = b.get(y + "!", 0) + 1
    for z in zs: c[z] = c.get(z, 0) + 1
    return (a, b, c, [x + 1 in a for x in xs], 0.0 in c, -0.0 in c)
check(keys, ["list[int]", "list[str]", "list[float]"], ([1, 2, 1, -1, 2**62], ["a", "b", "a", ""], [0.0, -0.0, 1.5]), (list(range(300)) * 2, [str(i % 77) for i in range(300)], [i / 4 for i in range(99)]))
def roots(x, y): return (math.sqrt(x), math.hypot(x, y), math.isqrt(int(y)), math.dist([x], [y]))
check(roots, ["float", "float"], *[(x, y) for x in (0.0, -0.0, 2.0, 1e300, 5e-324, float("nan"), float("inf"), -1.0) for y in (3.0, 1e15)])
