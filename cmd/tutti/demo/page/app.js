function X(r,e){try{return r?.getItem(e)??void 0}catch{return}}function Z(r,e,t){try{r?.setItem(e,t)}catch{}}var $t=36e5,Nt=1e4,Ht=3,It=4,ee=class{#e;#n;#t;#s;#r=0;#i=0;#o=0;#a;constructor(e,t,n){this.#e=n,this.#n=`tutti.transport.${t}`,this.#t=e,this.#a=X(n,this.#n),this.#s=
this.#c()}get present(){return this.#t[this.#s]}get best(){return this.#t[0]}get hasFallback(){return this.#t.some(e=>e!=="websocket")}use(e){this.#t=e,this.#s=
0,this.#r=0}welcomed(e){this.#s=Math.max(this.#t.indexOf(e),0),this.#r=0,this.#o=0,this.#t.length!==1&&(this.#a=`${e} ${Date.now()+$t}`,Z(this.#e,this.#n,this.#a))}answered(){
this.#r=0,this.#s=this.#c()}ended(e){this.#i=e<Nt?this.#i+1:0,this.#i>=Ht&&(this.#i=0,this.#s=(this.#s+1)%this.#t.length)}failed(e){return++this.#o<It&&this.#s===
this.#c()&&this.#a?!1:(this.#o=0,e||++this.#r>=this.#t.length?(this.#r=0,this.#s=this.#c(),!1):(this.#s=(this.#s+1)%this.#t.length,!0))}#c(){let[e,t]=this.#a?.split(
" ")??[];return Number(t)>Date.now()?Math.max(this.#t.indexOf(e),0):0}};function _(){return(performance.timeOrigin+performance.now())*1e3}function Ne(r){return r!==void 0&&r<=6e7?Math.round(r):void 0}var jt=12,te=class{#e=[];pong(e,t,{
at:n,edge_us:s=0,state_us:i=0}){let o=t-e,a=Math.max(o-s-i,0);return n!==void 0&&(this.#e=[...this.#e.slice(1-jt),{network:a,offset:n-e-a/2}]),{roundTrip:o,edge:s,
state:i,...this.#n(e,a,n)}}trace(e,t,{at:n,...s}){let i=Object.values(s).reduce((o,a)=>o+a,0);return{...this.#n(e,Math.max(t-e-i,0),n),...s}}reset(){this.#e=[]}#n(e,t,n){
let s;for(let a of this.#e)(!s||a.network<s.network)&&(s=a);let i=s&&n!==void 0?n-s.offset-e:t/2,o=Math.min(Math.max(i,0),t);return{up:o,down:t-o}}};var ne=class{#e;#n;#t=0;constructor({min:e=100,max:t=1e4}){this.#e=e,this.#n=Math.max(t,e)}next(){let e=Math.min(this.#n,this.#e*2**Math.min(this.#t,30));return this.#t++,
Math.random()*e}reset(){this.#t=0}};var C=class extends Error{get name(){return"TuttiError"}},v=class extends C{get name(){return"Rejected"}code;constructor(e,t){super(t||e),this.code=e}},w=class extends C{get name(){
return"Unknown"}},O=class extends C{get name(){return"Closed"}},K=class extends C{get name(){return"Overflow"}},S=class extends C{get name(){return"Terminated"}code;reconnect;after;constructor(e,t,n,s){
super(t||e),this.code=e,this.reconnect=n,this.after=s}},P=class extends C{get name(){return"Refused"}status;code;after;byServer;constructor(e,t,n,s,i){super(t),
this.status=e,this.byServer=n,this.code=s,this.after=i}},f=class extends C{get name(){return"Lost"}unreachable;constructor(e,t=!1,n){super(e,{cause:n}),this.unreachable=
t}};async function F(r){let e=!!r.headers.get("content-type")?.startsWith("application/problem+json"),t={};try{e?t=await r.json():await r.body?.cancel()}catch{}
return new P(r.status,t.detail??t.title??`status ${r.status}`,e,t.code,Dt(r.headers.get("retry-after")))}function Dt(r){if(!r)return;let e=/^\d+$/.test(r)?Number(
r)*1e3:Date.parse(r)-Date.now();return Number.isNaN(e)?void 0:Math.min(Math.max(e,0),36e5)}var R=r=>r?{authorization:`Bearer ${r}`}:{};function*se(r){let e=[],t=0;for(let n of r)(e.length===256||t>0&&t+n.length>262144)&&(yield e.join(`
`),e=[],t=0),e.push(n),t+=n.length;e.length>0&&(yield e.join(`
`))}function re(r){return r.split(`
`).filter(e=>e.trim()).map(e=>JSON.parse(e))}var Wt=1e3,U=class{#e;#n;#t;#s=new AbortController;#r=[];#i;constructor(e,t){this.#e=e,this.#n=t,this.#t=new URL(e.url),this.#t.pathname+="/commands";let n=e.url.
searchParams.get("conn")??"";this.#t.search=new URLSearchParams({conn:n}).toString()}get busy(){return this.#r.length>Wt}get drained(){return this.#i??Promise.resolve()}send(e){
this.#r.push(e),this.#i??=this.#o()}close(){this.#s.abort()}async#o(){await null;try{for(;this.#r.length>0&&!this.#s.signal.aborted;){let e=this.#r;this.#r=[];for(let t of se(
e))await this.#a(t)}}catch(e){this.#s.signal.aborted||this.#n.ended(e)}this.#i=void 0}async#a(e){let{token:t,fetch:n}=this.#e,s=this.#s.signal;try{let i=await n(
this.#t,{method:"POST",headers:{...R(t()),"content-type":"application/x-ndjson",accept:"application/x-ndjson"},body:e,signal:s,credentials:"omit",cache:"no-stor\
e"});if(!i.ok)throw await F(i);await He(i,o=>{s.aborted||this.#n.frames(re(o),!0)})}catch(i){throw i instanceof TypeError?new f("a POST got no answer",!0,i):i}}};
async function He(r,e){let t=r.body?.getReader();if(!t)return e(await r.text());let n=new TextDecoder,s="";for(;;){let{done:i,value:o}=await t.read(),a=s+(i?n.decode():
n.decode(o,{stream:!0})),c=i?a.length:a.lastIndexOf(`
`)+1;if(s=a.slice(c),c>0&&e(a.slice(0,c)),i)return}}var _t=25;function tt(r,e){let t=new AbortController,n=()=>{t.abort(),i.close()},s=a=>{t.signal.aborted||(n(),e.ended(a))},i=new U(r,{...e,ended:s});return(async()=>{
let a=new URL(r.url);for(a.searchParams.set("welcome","1");!t.signal.aborted;){let c=await Ut(r,a,t.signal),d=c.status===204?[]:await c.json();if(t.signal.aborted)
return;e.heard(),a.searchParams.delete("welcome");let u=c.headers.get("tutti-cursor");u&&a.searchParams.set("cursor",u),d.length>0&&e.frames(d,!1)}})().catch(a=>s(
a instanceof TypeError?new f("no answer to a poll",!0,a):a)),{send:a=>i.send(a),drained:()=>i.drained,close:n,get busy(){return i.busy}}}async function Ut({token:r,
fetch:e},t,n){let s={...R(r()),accept:"application/json",prefer:`wait=${_t}`},i=await e(t,{headers:s,signal:n,credentials:"omit",cache:"no-store"}),o=i.headers.
get("content-type")?.startsWith("application/json");if(i.status!==204&&!(i.ok&&o))throw await F(i);return i}function Ie(r){queueMicrotask(()=>{throw r})}function ie(r,e){try{r(e)}catch(t){Ie(t)}}var k=class{#e;#n=!1;#t=new Set;#s=new Set;constructor(e){this.#e=e}get value(){
return this.#e}set(e){if(!Object.is(e,this.#e)){this.#e=e;for(let t of[...this.#t])this.#t.has(t)&&ie(t,e)}}end(){this.#n=!0;for(let e of this.#s)e();this.#s.clear()}subscribe(e){
let t=n=>e(n);return this.#t.add(t),ie(t,this.#e),()=>{this.#t.delete(t)}}[Symbol.asyncIterator](){let e=!1,t=!1,n=()=>{},s=this.subscribe(()=>{e=!0,n()}),i=()=>n();
this.#s.add(i);let o=()=>(t=!0,s(),this.#s.delete(i),n(),{done:!0,value:void 0});return{next:async()=>{for(;!e;){if(t||this.#n)return o();await new Promise(a=>{
n=a})}return e=!1,t?o():{done:!1,value:this.#e}},return:async()=>o()}}};var oe=class{#e;#n;#t;#s;#r=0;#i;#o=!1;#a=je();constructor(e,t,n,s){this.#e=s,this.#n=t,this.#t=n,this.#s=setTimeout(()=>s.dead(),e)}heard(){this.#i=void 0,!(this.#o||
this.#r)&&(this.#o=!0,this.#c(()=>this.#e.dead(),3e4))}welcome(e){this.#r=Math.max(e,1e3),this.#l()}look(e){this.#a=e}check(){this.#r&&(this.#i=void 0,this.#l(),
this.#c(()=>this.#d(5e3),5e3))}stop(){clearTimeout(this.#s)}#c(e,t){clearTimeout(this.#s),this.#s=setTimeout(e,t)}#l(){this.#i??=Date.now(),this.#e.ping();let e=this.#a&&
this.#n>0?Math.min(this.#n,this.#r):this.#r;this.#c(()=>this.#d(this.#t*this.#r),e)}#d(e){let t=this.#i===void 0?e:this.#i+e-Date.now();this.#i===void 0?this.#l():
t<=0?this.#e.dead():this.#c(()=>this.#d(e),t)}};function je(){return globalThis.document?.visibilityState!=="hidden"}function nt(r,e){let t=new AbortController,n=()=>{t.abort(),i.close()},s=o=>{t.signal.aborted||(n(),e.ended(o))},i=new U(r,{...e,ended:s});return Bt(r,e,t.signal).
then(()=>s(new f("the stream ended")),s),{send:o=>i.send(o),drained:()=>i.drained,close:n,get busy(){return i.busy}}}async function Bt({url:r,token:e,fetch:t},n,s){
let i;try{let o={...R(e()),accept:"text/event-stream"};if(i=await t(r,{headers:o,signal:s,credentials:"omit",cache:"no-store"}),!i.headers.get("content-type")?.
startsWith("text/event-stream"))throw await F(i);let a=new De;await He(i,c=>{if(s.aborted)return;n.heard();let d=a.read(c);a.retry!==void 0&&n.pace(a.retry),d.length>
0&&n.frames(d,!1)})}catch(o){throw o instanceof TypeError?new f("the stream broke",!i,o):o}}var De=class{retry;#e="";read(e){let t=[];for(let n of e.replace(/\n$/,
"").split(/\r?\n/)){let[,s,i=""]=/^(data|retry)(?:: ?(.*?))?\r?$/.exec(n)??[];s==="data"&&(this.#e+=`${i}
`),s==="retry"&&/^\d+$/.test(i)&&(this.retry=Number(i)),(n===""||n==="\r")&&(this.#e&&t.push(JSON.parse(this.#e)),this.#e="")}return t}};var ae="tutti.v1",qt=1<<20,Qt=[1002,1003,1007,4400,4403,4404,4409,4413];function st(r,e){let t,n=!1,s=!1,i=[],o=u=>{n||(a(),e.ended(u))},a=()=>{n=!0;try{t?.close(
1e3)}catch{}},c=()=>{if(n||!s)return;let u=i;i=[];for(let m of se(u))t?.send(m)},d=u=>{if(n||!r.WebSocket)return;let m=new URL(r.url);m.protocol=m.protocol.replace(
"http","ws");let h=new r.WebSocket(m.href,u?[ae,u]:[ae]);t=h,h.onopen=()=>{if(s=!0,n)return a();if(h.protocol!==ae)return o(new P(426,`the server does not speak\
 ${ae}`,!1));e.heard(),c()},h.onmessage=({data:T})=>{if(!n){e.heard();try{e.frames(re(String(T)),!1)}catch(M){o(new f("a frame is no JSON",!1,M))}}},h.onerror=()=>{},
h.onclose=({code:T,reason:M})=>{let L=M||`the WebSocket closed with ${T}`;o(Qt.includes(T)?new S(`closed with ${T}`,L,!1):new f(L))}};return r.tickets&&r.token()?
zt(r).then(u=>d(`ticket.${u}`),o):d(r.token()&&`bearer.${r.token()}`),{send(u){i.push(u)===1&&queueMicrotask(c)},get busy(){return(t?.bufferedAmount??0)>qt},drained:async()=>{},
close:a}}async function zt({url:r,token:e,fetch:t}){let n;try{let s=new URL(`${r.pathname.slice(0,r.pathname.lastIndexOf("/v1/"))}/v1/tickets`,r);n=await t(s,{method:"\
POST",headers:R(e()),credentials:"omit",cache:"no-store"})}catch(s){throw new f("no answer to the request for a ticket",!0,s)}if(!n.ok)throw await F(n);return(await n.
json()).ticket}var Kt={websocket:st,sse:nt,longpoll:tt},Jt=5e3,Vt=3e4,Gt=6e5,Yt=2e3,Xt=[405,406,426],Zt=[408,409,425,429],en=3,ce=class{status;#e;#n;#t;#s;#r;#i;#o;#a=!1;#c;#l;#d=0;#u;#p=0;#f=!1;#m=!1;constructor(e,t,n,s){
this.#e=e,this.#n=t,this.#t=n,this.#s=s,this.#r=new ne(t.backoff),this.status=new k({phase:"connecting",transport:n.present,recovering:!1,error:void 0,retryAt:void 0})}get link(){
return this.#i?.welcomedAt?this.#i.link:void 0}connect(){if(clearTimeout(this.#c),this.#m||this.#i)return;let e=this.#t.present;this.#h({phase:"connecting",transport:e,
retryAt:void 0}),this.#i=this.#k(e)}wake(){if(this.#i)return this.#i.pulse.check();this.status.value.phase==="waiting"&&(this.#r.reset(),this.connect())}look(e){
this.#i?.pulse.look(e),e&&this.wake()}use(e){this.#t.use(e);let t=this.#o;if(this.#o=void 0,t&&this.#w(t),!this.#i)return this.wake();this.#i.transport!==e[0]&&
(this.#i.welcomedAt?this.#y(!0):this.#b(this.#i,new f("another transport is wanted"),0))}restart(e){this.#i&&this.#b(this.#i,e)}async leave(){let e=this.link;e&&
(this.#f=!0,e.send('{"type":"leave"}'),await new Promise(t=>{let n=setTimeout(t,Yt);e.drained().then(()=>{clearTimeout(n),t()})})),this.close()}close(e){if(!this.#m){
this.#m=!0,clearTimeout(this.#c),clearTimeout(this.#l),this.#s.stop();for(let t of[this.#i,this.#o])t&&this.#w(t);this.#i=this.#o=void 0,this.#h({phase:"closed",
error:e,retryAt:void 0,recovering:!1}),this.status.end(),this.#e.closed(e)}}#h(e){this.status.set({...this.status.value,...e})}#k(e){let{patience:t,pingEvery:n,
target:s}=this.#n,i=this.#e.cursor,o=e==="websocket",a={transport:e,cursor:i,link:void 0,welcomedAt:0,pulse:new oe(t,o?n:3*n,o?1:1.5,{ping:()=>a.link?.send(this.#e.
ping()),dead:()=>this.#b(a,new f("nothing was heard from the server"))})},c=s(i);return this.#u=void 0,this.#s.get().then(()=>{this.#g(a)&&(a.link=Kt[e]({...this.#n,
url:c,token:()=>this.#s.present},{heard:()=>a.pulse.heard(),frames:(d,u)=>this.#v(a,d,u),ended:d=>this.#b(a,d),pace:d=>{this.#u=d}}))},d=>this.#b(a,new f("no to\
ken",!0,d))),a}#g(e){return e===this.#i||e===this.#o}#v(e,t,n){try{for(let s of t){if(!this.#g(e))break;this.#E(e,s,n)}}catch(s){this.#b(e,s)}this.#e.publish()}#E(e,t,n){
if(t.type==="terminate"){let{code:s,message:i,reconnect:o,after:a}=t;n||this.#b(e,new S(s,i,o,a))}else t.type==="welcome"?this.#M(e,t):t.type==="status"?e===this.#i&&
this.#h({recovering:t.state!=="serving"}):e.welcomedAt&&this.#e.take(t,n)}#M(e,t){let n=e.welcomedAt>0;if(e===this.#o){let s=this.#i;this.#i=e,this.#o=void 0,s&&
this.#w(s)}n||(e.welcomedAt=Date.now(),this.#p=0,this.#t.welcomed(e.transport),this.#s.keep(s=>this.link?.send(JSON.stringify({type:"auth",token:s}))),this.#x()),
this.#e.welcome(t,!t.known&&e.cursor!==void 0,n),n||e.pulse.welcome(t.heartbeat),this.#h({phase:"online",transport:e.transport,error:void 0,recovering:!1})}#w(e){
e.pulse.stop(),e.link?.close()}#y(e){this.#a=e,this.#o=this.#k(this.#t.best)}#x(){if(clearTimeout(this.#l),this.#i?.transport===this.#t.best){this.#d=0;return}let e=Math.
min(Vt*2**this.#d,Gt)*(.75+Math.random()/2);this.#l=setTimeout(()=>{this.#d++,this.link&&!this.#o&&this.#y(!1)},e)}#b(e,t,n){if(!this.#g(e))return;if(this.#f)return this.
close();if(this.#w(e),e===this.#o){if(this.#o=void 0,!this.#a)return this.#x();e=this.#i,this.#w(e)}if(this.#s.stop(),clearTimeout(this.#l),this.#i=this.#o,this.#o=
void 0,this.#i)return this.#h({phase:"connecting",transport:this.#i.transport,error:t,recovering:!1});let s=e.welcomedAt&&Date.now()-e.welcomedAt;s>Jt&&this.#r.
reset();let i=n??this.#T(e,t,s);if(i===void 0)return this.close(t);this.#h({phase:"waiting",error:t,retryAt:Date.now()+i,recovering:!1}),this.#c=setTimeout(()=>this.
connect(),i)}#T(e,t,n){if(t instanceof S){if(!t.reconnect)return;if(t.code==="token_expired"){if(!this.#s.renewable)return;this.#s.expired()}return t.after??this.#r.
next()}if(t instanceof P&&!Xt.includes(t.status)&&(t.byServer||t.status===401)){if(this.#t.answered(),t.status===401){if(!this.#s.renewable||++this.#p>en)return;
this.#s.expired()}else if(t.status<500&&!Zt.includes(t.status))return;return(t.after??0)+this.#r.next()}return e.welcomedAt?(this.#t.ended(n),this.#u??this.#r.next()):
(e.transport==="websocket"&&!this.#t.hasFallback&&this.#s.expired(),e.transport!==this.#t.present?this.#r.next():this.#t.failed(t instanceof f&&t.unreachable)?0:
this.#r.next())}},We=r=>new O(r?`closed: ${r.message}`:"closed",{cause:r});var tn=256,le=class{conn;#e;#n;#t;#s;constructor(e,t,n){this.#e=n,this.#n=`tutti.conn.${e}`;let[s,i]=X(n,this.#n)?.split(" ")??[],o=s&&(!t||t===s)?Number(i):0;this.
conn=t??(o>0&&s?s:nn()),this.#t=o>0?o:t?Date.now()*1e3:1,this.#s=this.#t,this.#r()}take(){let e=this.#t++;return e>=this.#s&&(this.#s=e+tn,this.#r()),e}#r(){Z(this.#e,
this.#n,`${this.conn} ${this.#s}`)}processed(e){this.#t=Math.max(this.#t,e+1)}};function nn(){return Array.from(crypto.getRandomValues(new Uint8Array(16)),r=>r.
toString(16).padStart(2,"0")).join("")}var sn=256,rt=1<<20,rn=64,on=r=>r.length*3<rt?r.length:new TextEncoder().encode(r).length,de=class{#e;#n;#t;#s=[];#r=new Map;#i=0;constructor(e,{commands:t=1e3,
bytes:n=1<<20},s){this.#e=e,this.#n={commands:t,bytes:n},this.#t=s}get size(){return this.#s.length+this.#r.size}check(e){if(on(e)+rn>rt)throw new v("too_large",
"the data is too large for a frame");if(this.size>=this.#n.commands||this.#i+e.length>this.#n.bytes)throw new v("overloaded","too much waits for the server")}add(e){
this.#s.push(e),this.#i+=e.rest.length}pump(e){for(;this.#r.size<sn;){let t=this.#s.shift();if(!t)return;t.id=this.#e.take(),this.#r.set(t.id,t),this.#o(t,e)}}again(e,t){
let n=[],s=[];for(let i of[...this.#r.values()])(i.isQuery||e)&&this.#a(i),i.isQuery?i.abandoned||n.push(i):e?(s.push(i),i.reject(new w("the platform has forgot\
ten the connection"))):this.#o(i,t);for(let i of n)this.#i+=i.rest.length;return this.#s.unshift(...n),this.pump(t),s}unanswered(e){return[...this.#r.values()].
filter(t=>!t.isQuery&&t.id<=e)}find(e){return this.#r.get(e)}settle(e){let t=this.#r.get(e.id);if(t)return this.#a(t),e.type==="reject"?t.reject(new v(e.code,e.
message)):t.resolve(e),t}abandon(e,t){let n=this.#s.indexOf(e),s=t instanceof Error?t:new Error(String(t));return n>=0?(this.#s.splice(n,1),this.#i-=e.rest.length):
this.#r.get(e.id)===e&&(e.abandoned=!0),e.reject(n>=0||e.isQuery?s:new w(s.message,{cause:s})),n>=0}close(e){let t=e?`closed: ${e.message}`:"closed";for(let n of this.#r.
values())n.reject(n.isQuery?new O(t,{cause:e}):new w(`${t} before it was answered`,{cause:e}));for(let n of this.#s)n.reject(new O(t,{cause:e}));this.#r.clear(),
this.#s.length=0}#o(e,t){e.sentAt=this.#t(),t(`{"type":"${e.isQuery?"query":"command"}","id":${e.id}${e.rest}`)}#a(e){this.#r.delete(e.id),this.#i-=e.rest.length}};var it=1e3,B=class{#e=new Set;#n=new Set;#t=!1;push(e){for(let t of[...this.#e])this.#e.has(t)&&ie(t,e)}end(){this.#t=!0,this.#e.clear();for(let e of this.#n)e();
this.#n.clear()}subscribe(e){let t=n=>e(n);return this.#t||this.#e.add(t),()=>{this.#e.delete(t)}}[Symbol.asyncIterator](){let e=[],t=!1,n=!1,s=()=>{},i=this.subscribe(
c=>{e.length===it?(t=!0,e=[],i()):e.push(c),s()}),o=()=>s();this.#n.add(o);let a=()=>(n=!0,e=[],i(),this.#n.delete(o),s(),{done:!0,value:void 0});return{next:async()=>{
for(;;){if(t&&!n)throw a(),new K(`more than ${it} waited for their reader`);if(e.length>0)return{done:!1,value:e.shift()};if(n||this.#t)return a();await new Promise(
c=>{s=c})}},return:async()=>a()}}};var he=class{confirmed;state;#e;#n=new Map;#t;#s;#r;#i=!1;constructor(e){this.#e=an(e),this.#r=e!==void 0&&"initial"in e,this.#t=e?.initial,this.#s=this.#t,this.
confirmed=new k(this.#t),this.state=new k(this.#t)}fresh(e){this.#r=!0,this.#t=e,this.#i=!0}event(e){this.#r&&(this.#t=this.#e(this.#t,e),this.#i=!0)}predict(e,t){
this.#o(),this.#r&&(this.#s=t(this.#s)),this.#n.set(e,t)}drop(e){this.#n.delete(e)&&(this.#i=!0)}publish(){this.#o(),this.confirmed.set(this.#t),this.state.set(
this.#s)}end(){this.confirmed.end(),this.state.end()}#o(){if(!this.#i)return;this.#i=!1;let e=this.#t;if(this.#r)for(let[t,n]of this.#n)try{e=n(e)}catch(s){this.#n.
delete(t),Ie(s)}this.#s=e}};function an(r){if(!r)return t=>t;if("reduce"in r)return r.reduce;let e=r.events;return(t,n)=>{let s=Object.hasOwn(e,n.name)?e[n.name]:
void 0;return s?s(t,n.data,n):t}}var ue=class{members=new k({count:0,list:new Map});#e=new Map;#n=0;#t=!1;#s=!1;welcome(){this.#t=!1}take(e){this.#s?this.#t||this.#e.clear():this.#e=this.#t?new Map(
this.#e):new Map,this.#t=!0,this.#s=!0,this.#n=e.count;for(let t of e.left??[])this.#e.delete(t);for(let t of e.joined??[])this.#e.set(t.member,t);for(let t of e.
updated??[]){let n=this.#e.get(t.member);this.#e.set(t.member,{...n&&"who"in n?{who:n.who}:{},...t})}}publish(){this.#s&&(this.#s=!1,this.members.set({count:this.#n,
list:this.#e}))}};var cn=1e3,me=class{fold;roster=new ue;events=new B;messages=new B;updates=new B;latency=new k(void 0);clock=new te;member="";epoch;last=0;#e;#n;#t=new Map;#s=[];#r;#i=0;#o;constructor(e,t,n,s){
this.fold=new he(e),this.#e=t,this.#n=n;let[,i,o]=/^([\w-]{1,32}):(\d{1,16})$/.exec(s??"")??[];if(s!==void 0&&!i)throw new TypeError(`not a cursor: ${s}`);this.
epoch=i,this.last=Number(o??0)}get cursor(){return this.epoch===void 0?void 0:`${this.epoch}:${this.last}`}refresh(){this.epoch!==void 0&&(this.epoch="-",this.last=
0)}attached(){this.clock.reset(),this.#o=void 0}welcome(e){if(this.member=e.member,this.epoch=e.epoch,this.roster.welcome(),e.resumed||(this.last=e.rev,!this.#n))
return;for(let n of this.#e.unanswered(e.acked))this.fold.drop(n);let t=e.state;this.fold.fresh(t),this.#s.push(()=>this.updates.push({type:"state",rev:e.rev,state:t}))}take(e,t){
switch(e.type){case"event":this.#a(e);break;case"ack":t&&this.#n&&e.rev>this.last?this.#d(e):this.#l(e);break;case"reject":case"answer":this.#l(e);break;case"me\
ssage":this.#c(e);break;case"presence":this.roster.take(e);break;case"pong":this.#u(e)}}publish(){this.fold.publish(),this.roster.publish();for(let e of this.#s.
splice(0))e()}ping(){let{up:e,down:t}=this.#r??{};return this.#r=void 0,this.#o={n:++this.#i,at:_()},JSON.stringify({type:"ping",t:this.#i,up:Ne(e),down:Ne(t)})}end(){
for(let e of this.#t.values())clearTimeout(e);this.fold.end(),this.roster.members.end(),this.latency.end();for(let e of[this.events,this.messages,this.updates])
e.end()}trace(e,{trace:t}){return t&&this.clock.trace(e.sentAt,_(),t)}#a(e){let{type:t,prev:n=e.rev-1,...s}=e;if(e.rev<=this.last)return;if(n>this.last)throw new f(
`events between ${this.last} and ${e.rev} are missing`);let i=e.by===this.member&&e.cmd!==void 0,o={...s,mine:i},a=i?this.#e.find(e.cmd):void 0;a&&this.fold.drop(
a),this.last=e.rev;try{this.fold.event(o)}catch(c){throw this.refresh(),c}finally{this.#s.push(()=>{this.events.push(o),this.updates.push({type:"event",event:o})})}}#c({
type:e,...t}){this.#s.push(()=>this.messages.push(t))}#l(e){clearTimeout(this.#t.get(e.id)),this.#t.delete(e.id);let t=this.#e.settle(e);t&&this.fold.drop(t)}#d(e){
if(this.#t.has(e.id))return;let t=()=>{this.#l(e),this.publish()};this.#t.set(e.id,setTimeout(t,cn))}#u(e){let t=this.#o;!t||e.t!==t.n||(this.#r=this.clock.pong(
t.at,_(),e),this.latency.set(this.#r),this.#o=void 0)}};var fe=class{#e;#n;#t="first";#s;#r;constructor(e){this.#e=e}get present(){return this.#n??""}get renewable(){return typeof this.#e=="function"}async get(){return this.#n&&
this.#a(this.#n)<=0&&this.expired(),this.#n??this.#o()}expired(){this.renewable&&this.#n&&(this.#n=void 0,this.#t="expired")}keep(e){this.stop();let t=this.#n;if(!this.
renewable||!t)return;let n=this.#a(t);n!==Number.POSITIVE_INFINITY&&this.#i(Math.max(n-Math.max(n/10,5e3),1e3),e)}#i(e,t){this.#r=setTimeout(async()=>{let n=this.#r;
if(e>864e5)return this.keep(t);let s=this.#n;this.#t="expiring";try{let i=await this.#o();if(n!==this.#r)return;i!==s&&t(i),this.keep(t)}catch{n===this.#r&&this.#i(
1e3,t)}},Math.min(e,864e5))}stop(){clearTimeout(this.#r),this.#r=void 0}#o(){return this.#s??=Promise.resolve().then(()=>typeof this.#e=="function"?this.#e(this.#t):
this.#e).then(e=>(this.#n=e,e)).finally(()=>{this.#s=void 0}),this.#s}#a(e){try{let t=e.split(".")[1]?.replaceAll("-","+").replaceAll("_","/")??"",n=JSON.parse(
atob(t)).exp;return typeof n=="number"?n*1e3-Date.now():Number.POSITIVE_INFINITY}catch{return Number.POSITIVE_INFINITY}}};var ln=4096;function _e(r,e){return new pe(r,e)}function Ue(r,e,t){return`${String(r).replace(/\/$/,"")}/v1/${e}/${encodeURIComponent(t)}`}var pe=class{ready;state;confirmed;status;members;latency;events;messages;updates;conn;#e;#n;#t;#s;#r;#i=()=>{};constructor(e,t){
let n=new URL(e,globalThis.location?.href);n.protocol=n.protocol.replace(/^ws/,"http");let s=new le(n.href,t.conn,t.storage);this.conn=s.conn;let i=t.watch!==!1;
this.#n=new de(s,t.queue??{},_);let o=new me(t.apply,this.#n,i,t.cursor);this.#e=o,this.state=o.fold.state,this.confirmed=o.fold.confirmed,this.members=o.roster.
members,this.latency=o.latency,this.events=o.events,this.messages=o.messages,this.updates=o.updates;let a=t.WebSocket??globalThis.WebSocket,c=t.transports??["we\
bsocket","sse","longpoll"];if(this.#s=c.filter(m=>m!=="websocket"||a),this.#s.length===0)throw new TypeError("there is no WebSocket here, and no other transport\
 is allowed");let d;this.ready=new Promise((m,h)=>{d={resolve:m,reject:h}}),this.ready.catch(()=>{});let u={get cursor(){return o.cursor},welcome:(m,h,T)=>{if(o.
welcome(m),T)return;o.attached(),s.processed(m.acked);let M=L=>this.#t.link?.send(L);this.#r!==void 0&&M(this.#r);for(let L of this.#n.again(h,M))o.fold.drop(L);
d?.resolve()},take:(m,h)=>{o.take(m,h),(m.type==="ack"||m.type==="reject"||m.type==="answer")&&this.#a()},publish:()=>o.publish(),ping:()=>o.ping(),closed:m=>{this.#i(),
this.#n.close(m),o.end(),d?.reject(We(m))}};this.#t=new ce(u,{target:m=>{let h=new URL(n);return h.searchParams.set("conn",this.conn),i||h.searchParams.set("wat\
ch","0"),t.presence&&h.searchParams.set("presence","1"),m!==void 0&&h.searchParams.set("cursor",m),h},fetch:t.fetch??((...m)=>fetch(...m)),WebSocket:a,tickets:t.
tickets??!1,backoff:t.backoff??{},patience:t.patience??8e3,pingEvery:t.pingEvery??5e3},new ee(this.#s,n.origin,t.storage),new fe(t.token)),this.status=this.#t.status,
this.#c(),this.#t.connect()}get member(){return this.#e.member}get rev(){return this.#e.last}get cursor(){return this.#e.cursor}get unanswered(){return this.#n.
size}async send(e,...[t,n={}]){let{expect:s,trace:i,predict:o,signal:a}=n,c={name:e,data:t??null,expect:s,trace:i||void 0},d,u=await this.#o(!1,c,a,h=>{d=h,o&&(this.#e.
fold.predict(h,o),this.#e.fold.publish())}),m=d&&this.#e.trace(d,u);return{id:u.id,rev:u.rev,reply:u.reply,...m&&{trace:m}}}async query(e,...[t,n={}]){let{consistency:s,
maxAge:i,signal:o}=n,a={name:e,data:t??null,consistency:s,max_age_ms:i},c=await this.#o(!0,a,o,()=>{});return{rev:c.rev,data:c.data}}signal(e,t){let n=this.#t.link;
return!n||n.busy?!1:(n.send(JSON.stringify({type:"signal",name:e,data:t})),!0)}presence(e){let t=JSON.stringify({type:"presence",data:e});if(new TextEncoder().encode(
t).length-27>ln)throw new v("too_large","presence data is 4 KiB at most");this.#r=t,this.#t.link?.send(t)}use(...e){this.#t.use(e.length>0?e:this.#s)}refresh(){
this.#e.refresh(),this.#t.restart(new Error("a fresh state is wanted"))}wake(){this.#t.wake()}async leave(){await this.#t.leave()}close(){this.#t.close()}async#o(e,t,n,s){
let{phase:i,error:o}=this.status.value;if(i==="closed")throw We(o);n?.throwIfAborted();let a=`,${JSON.stringify(t).slice(1)}`;this.#n.check(a);let c=()=>{};return new Promise(
(d,u)=>{let m={isQuery:e,rest:a,resolve:d,reject:u,id:0,sentAt:0,abandoned:!1};s(m),this.#n.add(m);let h=()=>{this.#n.abandon(m,n?.reason)&&(this.#e.fold.drop(m),
this.#e.publish())};n?.addEventListener("abort",h),c=()=>n?.removeEventListener("abort",h),this.#a()}).finally(()=>c())}#a(){let e=this.#t.link;e&&this.#n.pump(
t=>e.send(t))}#c(){let e=()=>this.wake(),t=()=>this.#t.look(je()),{document:n}=globalThis;globalThis.addEventListener?.("online",e),globalThis.addEventListener?.(
"offline",e),n?.addEventListener("visibilitychange",t),this.#i=()=>{globalThis.removeEventListener?.("online",e),globalThis.removeEventListener?.("offline",e),n?.
removeEventListener("visibilitychange",t)}}};var ot=["live","recovering","connecting","away","ended"];function q({phase:r,recovering:e,error:t}){switch(r){case"online":return e?"recovering":"live";case"con\
necting":return t?"away":"connecting";case"waiting":return"away";case"closed":return"ended"}}function l(r){let e=document.querySelector(r);if(!e)throw new Error(
`the page has no ${r}`);return e}var b=sessionStorage;function at(r){return Array.from(crypto.getRandomValues(new Uint8Array(r)),e=>e.toString(16).padStart(2,"0")).join("")}function Be(r,e){let t=b.
getItem(r);if(t)return t;let n=e();return b.setItem(r,n),n}var ct="amber brave calm clever cosmic dapper eager fabled gentle golden honest jolly keen lively luc\
id merry nimble noble quiet rapid silver sunny swift velvet vivid witty".split(" "),lt="badger beaver bison crane dingo falcon finch fox gecko heron ibex jackal\
 koala lemur lynx marten narwhal ocelot otter panda puffin raven seal stoat tapir wombat".split(" ");function dn(){let[r=0,e=0]=crypto.getRandomValues(new Uint16Array(
2));return`${ct[r%ct.length]}-${lt[e%lt.length]}`}async function hn(){if(!navigator.locks)return;let r=e=>new Promise(t=>{navigator.locks.request(`tutti.${e}`,{
ifAvailable:!0},n=>(t(n!==null),n?new Promise(()=>{}):void 0))});if(!await r(Be("tutti.tab",()=>at(16)))){for(let e of Object.keys(b).filter(t=>t.startsWith("tu\
tti.")))b.removeItem(e);await r(Be("tutti.tab",()=>at(16)))}}async function ht(r){await hn();let e={name:Be("tutti.name",dn),sub:()=>b.getItem("tutti.sub")??e.name,
leaving:async()=>{},rename:o,token:i},t=null,n=b.getItem("tutti.token");async function s(){let a=await r("/demo/token",{method:"POST",headers:{"Content-Type":"a\
pplication/json"},body:JSON.stringify({name:e.name})});if(!a.ok)throw new Error(`token: ${a.status}`);let c=await a.json(),d=b.getItem("tutti.sub");return b.setItem(
"tutti.token",n=c.token),b.setItem("tutti.sub",c.sub),d!==null&&d!==c.sub&&dt(),c.token}function i(a){return n&&a==="first"?Promise.resolve(n):(t??=s().finally(
()=>t=null),t)}async function o(a){!a||a===e.name||(b.setItem("tutti.name",a),b.removeItem("tutti.sub"),b.removeItem("tutti.token"),await e.leaving(),dt())}return e}
function dt(){for(let r of Object.keys(b))r.startsWith("tutti.conn.")&&b.removeItem(r);location.reload()}function Q(r){let e=2166136261;for(let t of r)e=Math.imul(
e^t.charCodeAt(0),16777619);return(e>>>0)%24*15}function N(r,e){return{member:e,name:String(r.members.value.list.get(e)?.who??"somebody")}}function ge({name:r}){let e=document.createElement("span");return e.className=
"avatar",e.style.setProperty("--hue",String(Q(r))),e.textContent=un(r),e.setAttribute("aria-hidden","true"),e}function un(r){return r.split(/[^\p{L}\p{N}]+/u).filter(
Boolean).slice(0,2).map(t=>[...t][0]?.toUpperCase()).join("")||"?"}var ye=class{#e=l("#people-button");#n=l("#faces");#t=l("#people-list");#s=l("#people-count");constructor(e,t){
let n=l("#name");n.value=t.name,l("#rename").addEventListener("submit",s=>{s.preventDefault(),t.rename(n.value.trim())}),e.members.subscribe(({count:s,list:i})=>{
this.#r([...i.keys()].map(o=>N(e,o)),s,e.member)})}#r(e,t,n){let s=e.sort((i,o)=>+(o.member===n)-+(i.member===n)||i.name.localeCompare(o.name));if(this.#n.replaceChildren(
...s.slice(0,4).map(ge)),this.#s.textContent=String(t),this.#e.setAttribute("aria-label",`${t} ${t===1?"person is":"people are"} here`),this.#t.replaceChildren(
...s.map(i=>{let o=document.createElement("li"),a=document.createElement("span");if(a.className="person-name",a.textContent=i.name,o.append(ge(i),a),i.member===
n){let c=document.createElement("span");c.className="you",c.textContent="you",o.append(c)}return o})),t>s.length){let i=document.createElement("li");i.className=
"more",i.textContent=`and ${t-s.length} more`,this.#t.append(i)}}};var g=256,mn=40,fn=5e3,be=[["paper","#fffdf9","#15171c"],["ink","#1d2129","#eceef3"],["slate","#8b93a7","#8b93a7"],["red","#e5484d","#e5484d"],["orange","#f76b1\
5","#f76b15"],["amber","#ffc53d","#ffc53d"],["lime","#9ad04b","#9ad04b"],["green","#2f9e6a","#2f9e6a"],["teal","#12a594","#12a594"],["sky","#5bc4f0","#5bc4f0"],
["blue","#3b6fe0","#3b6fe0"],["indigo","#5b5bd6","#6e6ade"],["violet","#9a5cd0","#9a5cd0"],["pink","#e0559f","#e0559f"],["peach","#ffb8a0","#ffb8a0"],["brown","\
#a1704b","#a1704b"]],ve=class{#e;#n;#t=l("#canvas");#s=l("#pointers");#r=l("#cross");#i=l("#board-spot");#o=this.#t.getContext("2d",{alpha:!1});#a=new Uint8Array(
g*g);#c=new Map;#l=new ImageData(g,g);#d=new Uint32Array(this.#l.data.buffer);#u=new Uint32Array(be.length);#p=!1;#f=10;#m=3;#h=null;#k=0;#g=new Map;#v={x:128,y:128};constructor(e,t){
this.#e=e,this.#n=t,this.#F(),this.#S(),this.recolor(),e.updates.subscribe(n=>n.type==="state"?this.#M(n.state):this.#w(n.event)),e.messages.subscribe(({name:n,
by:s,data:i})=>n==="pointer"&&s&&this.#R(s,i)),e.members.subscribe(({list:n})=>{for(let s of this.#g.keys())n.has(s)||this.#$(s)})}recolor(){let e=document.documentElement.
dataset.theme==="dark";be.forEach(([,t,n],s)=>{let i=Number.parseInt((e?n:t).slice(1),16);this.#u[s]=4278190080|(i&255)<<16|i&65280|i>>16});for(let t=0;t<this.#a.
length;t++)this.#y(t)}colorAt(e,t){return this.#E(t*g+e)}#E(e){return this.#c.get(e)?.color??this.#a[e]}#M({pixels:e}){this.#a=Uint8Array.from(atob(e??""),t=>t.
charCodeAt(0));for(let t=0;t<this.#a.length;t++)this.#y(t)}#w({data:e}){let t=e.y*g+e.x;this.#a[t]=e.color,this.#y(t)}#y(e){this.#d[e]=this.#u[this.#E(e)],!this.#p&&
(this.#p=!0,requestAnimationFrame(()=>{this.#p=!1,this.#o.putImageData(this.#l,0,0)}))}#x(e,t){let n=this.#m/2,s=Math.floor(n);for(let i=-s;i<=s;i++)for(let o=-s;o<=
s;o++)o*o+i*i<=n*n&&this.#b(e+o,t+i)}#b(e,t){if(e<0||t<0||e>=g||t>=g||this.colorAt(e,t)===this.#f)return;let n=t*g+e,s={color:this.#f};this.#c.set(n,s),this.#y(
n);let i=()=>{this.#c.get(n)===s&&(this.#c.delete(n),this.#y(n))},o={x:e,y:t,color:this.#f};this.#n.follow(this.#e.send("paint",o,{trace:this.#n.wantsTrace()})).
then(i,i)}#T(e,t){let n=this.#h??{x:e,y:t},s=Math.max(Math.abs(e-n.x),Math.abs(t-n.y),1);for(let i=this.#h?1:0;i<=s;i++)this.#x(Math.round(n.x+(e-n.x)*i/s),Math.
round(n.y+(t-n.y)*i/s));this.#h={x:e,y:t}}#S(){let e=this.#t;e.addEventListener("pointerdown",t=>{if(t.button!==0)return;e.setPointerCapture(t.pointerId),this.#h=
null;let n=this.#L(t);this.#T(n.px,n.py)}),e.addEventListener("pointermove",t=>{if(this.#h){let n=t.getCoalescedEvents?.()??[];for(let s of n.length>0?n:[t]){let i=this.#L(
s);this.#T(i.px,i.py)}}this.#A(this.#L(t))});for(let t of["pointerup","pointercancel"])e.addEventListener(t,()=>this.#h=null);e.addEventListener("pointerleave",
()=>this.#e.signal("pointer",null)),e.addEventListener("keydown",t=>this.#O(t)),e.addEventListener("focus",()=>this.#P(!1))}#L(e){let t=this.#t.getBoundingClientRect(),
n=(e.clientX-t.left)/t.width*g,s=(e.clientY-t.top)/t.height*g;return{x:n,y:s,px:Math.floor(n),py:Math.floor(s)}}#A({x:e,y:t}){let n=performance.now();n-this.#k<
mn||(this.#k=n,this.#e.signal("pointer",{x:Math.round(e*10)/10,y:Math.round(t*10)/10,color:this.#f}))}#O(e){let t=e.shiftKey?8:1,s={ArrowLeft:[-t,0],ArrowRight:[
t,0],ArrowUp:[0,-t],ArrowDown:[0,t]}[e.key];if(s)this.#v.x=Math.min(g-1,Math.max(0,this.#v.x+s[0])),this.#v.y=Math.min(g-1,Math.max(0,this.#v.y+s[1])),this.#A({
x:this.#v.x+.5,y:this.#v.y+.5});else if(e.key===" "||e.key==="Enter")this.#x(this.#v.x,this.#v.y);else return;e.preventDefault(),this.#P(!0)}#P(e){let{x:t,y:n}=this.#v;
this.#r.style.setProperty("--x",String((t+.5)/g)),this.#r.style.setProperty("--y",String((n+.5)/g)),e&&(this.#i.textContent=`${t}, ${n}: ${be[this.colorAt(t,n)]?.[0]}`)}#R(e,t){
if(!t)return this.#$(e);let n=this.#g.get(e)??{element:this.#C(e)};this.#g.set(e,n),n.element.style.setProperty("--x",String(ut(t.x/g))),n.element.style.setProperty(
"--y",String(ut(t.y/g))),n.element.classList.toggle("right",t.x>g*.72),clearTimeout(n.timer),n.timer=setTimeout(()=>this.#$(e),fn)}#C(e){let{name:t}=N(this.#e,e),
s=l("#pointer-shape").content.firstElementChild.cloneNode(!0);return s.style.setProperty("--hue",String(Q(t))),s.querySelector(".pointer-name").textContent=t,this.#s.
append(s),s}#$(e){let t=this.#g.get(e);t&&(clearTimeout(t.timer),t.element.remove(),this.#g.delete(e))}#F(){let e=l("#palette");be.forEach(([t,n,s],i)=>{let o=document.
createElement("label");o.className="swatch",o.title=t;let a=document.createElement("input");Object.assign(a,{type:"radio",name:"color",value:String(i),checked:i===
this.#f}),a.setAttribute("aria-label",t),a.addEventListener("change",()=>this.#f=i);let c=document.createElement("span");c.style.setProperty("--light",n),c.style.
setProperty("--dark",s),o.append(a,c),e.append(o)});for(let t of document.querySelectorAll("input[name=brush]"))t.addEventListener("change",()=>this.#m=Number(t.
value))}},ut=r=>Math.min(1,Math.max(0,Number(r)||0));var qe=40,pn=1e3,gn=[["up","To the edge"],["edge","Edge"],["bus","Bus"],["mailbox","Mailbox"],["handler","Handler"],["journal","Disk"],["fanout","Fan-out"],["do\
wn","Back to you"]],we=class{#e=[];#n=Number.NEGATIVE_INFINITY;#t=Object.fromEntries(["rtt","up","down","edge","state"].map(e=>[e,l(`#hop-${e}`)]));#s=l("#curve\
 .curve-line");#r=l("#curve .curve-area");#i=l("#trace-bar");#o=l("#trace-legend");#a=l("#trace-total");#c=l("#rail");ping({roundTrip:e,up:t,down:n,edge:s,state:i}){
let o={rtt:e,up:t,down:n,edge:s,state:i};for(let[a,c]of Object.entries(o))this.#t[a].textContent=J(c/1e3);this.#e.push(e/1e3),this.#e.length>qe&&this.#e.shift(),
this.#l(),this.#c.classList.remove("beat"),this.#c.offsetWidth,this.#c.classList.add("beat")}away(){for(let e of Object.values(this.#t))e.textContent="\u2013"}wantsTrace(){
let e=performance.now();return e-this.#n<pn?!1:(this.#n=e,!0)}trace(e){let t=gn.map(([i,o])=>({key:i,name:o,ms:(e[i]??0)/1e3})).filter(({ms:i})=>i>0),n=t.reduce(
(i,{ms:o})=>i+o,0);this.#a.textContent=J(n);let s=(i,o)=>{let a=document.createElement(i);return a.className=`part ${o}`,a};this.#i.replaceChildren(...t.map(({key:i,
ms:o})=>{let a=s("span",i);return a.style.flexGrow=String(Math.max(o/n,.015)),a})),this.#o.replaceChildren(...t.map(({key:i,name:o,ms:a})=>{let c=s("li",i);return c.
textContent=`${o} ${J(a)}`,c}))}#l(){let e=Math.max(4,...this.#e)*1.15,t=s=>(qe-this.#e.length+s)/(qe-1)*100,n=this.#e.map((s,i)=>`${t(i).toFixed(2)},${(28-s/e*
26).toFixed(2)}`);this.#s.setAttribute("points",n.join(" ")),this.#r.setAttribute("points",`${t(0).toFixed(2)},28 ${n.join(" ")} 100,28`)}};function J(r){return Number.
isFinite(r)?r<.1?`${Math.round(r*1e3)} \xB5s`:r<10?`${r.toFixed(1)} ms`:`${Math.round(r)} ms`:"\u2013"}var V=class{static every=250;sent=0;received=0;state="live";#e;#n=[];constructor(e){this.#e=e}tick(e){let{sent:t,received:n,state:s}=this;this.#n.push({sent:t,received:n,
waiting:e,state:s}),this.#n.length>240&&this.#n.shift(),this.sent=this.received=0,this.#e.offsetParent&&!document.hidden&&this.#t()}#t(){let e=this.#e,t=devicePixelRatio,
[n,s]=[Math.round(e.clientWidth*t),Math.round(e.clientHeight*t)];(e.width!==n||e.height!==s)&&([e.width,e.height]=[n,s]);let i=e.getContext("2d");if(!i)return;let o=getComputedStyle(
e),a=h=>o.getPropertyValue(`--${h}`);i.clearRect(0,0,n,s);let[c,d]=[n/240,Math.round(s/2)],u=h=>Math.min(1,Math.log2(1+h)/9)*(d-t),m=240-this.#n.length;this.#n.
forEach((h,T)=>{let M=Math.floor((m+T)*c),L=Math.floor((m+T+1)*c)-M,Y=(Pt,Ft,Rt)=>{i.fillStyle=Pt,i.fillRect(M,Ft,L,Rt)};h.state!=="live"&&(i.globalAlpha=h.state===
"cut"?.22:.12,Y(a("bad"),0,s),i.globalAlpha=1),h.waiting>0&&(i.globalAlpha=.35,Y(a("warn"),d-u(h.waiting),u(h.waiting)),i.globalAlpha=1),Y(a("accent"),d-u(h.sent),
u(h.sent)),Y(a("came"),d+t,u(h.received))}),i.fillStyle=a("strong"),i.fillRect(0,d,n,t)}};var ke=class{#e=new Map;#n=new V(l("#tape"));#t=Object.fromEntries(["sent","stored","refused","waiting","events","missing","revs"].map(e=>[e,l(`#ledger-${e}`)]));#s=l(
"#ledger");#r=0;#i=0;#o=0;#a=!1;constructor(){setInterval(()=>this.#n.tick(this.waiting),V.every)}get waiting(){return this.#r-this.#i-this.#o}get events(){return this.#c(
"events")}get missing(){return this.#c("missing")}follow(e){return this.#r++,this.#n.sent++,this.#l(),e.then(()=>this.#i++,t=>{this.#o++,t instanceof w&&console.
info("nobody knows whether a command was done",t)}).then(()=>this.#l()),e}watch(e,t){let n={rev:-1,events:0,missing:0,states:0};this.#e.set(e,n),t.updates.subscribe(
s=>{if(s.type==="state")n.rev=s.rev,n.states++;else{let{rev:i}=s.event;n.events++,n.missing+=Math.abs(i-n.rev-1),n.rev=i,this.#n.received++}this.#l()})}away(e,t){
this.#n.state=t?"cut":e?"away":"live"}#c(e){return[...this.#e.values()].reduce((t,n)=>t+n[e],0)}#l(){this.#a||(this.#a=!0,requestAnimationFrame(()=>{this.#a=!1;
let e={sent:this.#r,stored:this.#i,refused:this.#o,waiting:this.waiting,events:this.events,missing:this.missing};for(let[t,n]of Object.entries(e)){let s=this.#t[t];
s.textContent=n.toLocaleString()}this.#s.dataset.waiting=String(this.waiting>0),this.#s.dataset.missing=String(this.missing>0),this.#t.revs.textContent=[...this.#e].
map(([t,n])=>`${t} ${Math.max(n.rev,0).toLocaleString()}`).join(" \xB7 ")}))}};var xe=class{#e=new AbortController;fetch;WebSocket;constructor(){let e=()=>this.#e.signal;this.fetch=(t,n={})=>fetch(t,{...n,signal:AbortSignal.any([e(),...n.signal?
[n.signal]:[]])}),this.WebSocket=class extends Qe{constructor(t,n){super(t,n,e())}}}get isCut(){return this.#e.signal.aborted}cut(){this.#e.abort(new TypeError(
"the network is cut"))}mend(){this.isCut&&(this.#e=new AbortController)}},Qe=class{onopen=null;onmessage=null;onclose=null;onerror=null;#e;constructor(e,t,n){let s=(c,d)=>c?.
call(this,d),i=()=>s(this.onclose,{code:1006,reason:"the network is cut"});if(n.aborted){queueMicrotask(i);return}let o=new WebSocket(e,t);this.#e=o;let a=()=>{
o.onopen=o.onmessage=o.onclose=o.onerror=null,o.close(),i()};n.addEventListener("abort",a,{once:!0}),o.onopen=c=>s(this.onopen,c),o.onmessage=c=>s(this.onmessage,
c),o.onerror=c=>s(this.onerror,c),o.onclose=c=>{n.removeEventListener("abort",a),s(this.onclose,c)}}get bufferedAmount(){return this.#e?.bufferedAmount??0}get protocol(){
return this.#e?.protocol??""}send(e){this.#e?.send(e)}close(e){this.#e?.close(e)}};var ze=/[\ud800-\udfff]/;function y(r){if(!ze.test(r))return r.length;let e=0;for(let t of r)e++;return e}function $(r,e,t=0){if(!ze.test(r))return Math.min(t+e,
r.length);let n=t;for(;e>0&&n<r.length;e--)n+=r.codePointAt(n)>65535?2:1;return n}function Ce(r,e){return y(r.slice(0,e))}function p(r,e){if(e===0||e==="")return;
let t=r.at(-1);typeof e=="string"?typeof t=="string"?r[r.length-1]=t+e:mt(t)&&typeof r.at(-2)=="string"?r[r.length-2]+=e:mt(t)?r.splice(-1,0,e):r.push(e):typeof t==
"number"&&t>0==e>0?r[r.length-1]=t+e:r.push(e)}var mt=r=>typeof r=="number"&&r<0,Ke=r=>typeof r=="number"&&r>0;function H(r){return r.every(Ke)}function I(r,e){
let t=!ze.test(r),n="",s=0;for(let i of e)if(typeof i=="string")n+=i;else{let o=t?s+Math.abs(i):$(r,Math.abs(i),s);i>0&&(n+=r.slice(s,o)),s=o}return n+r.slice(s)}
function Te(r){let e=0,t=r[0],n=()=>t=r[++e];return{get insert(){return typeof t=="string"?t:void 0},get done(){return t===void 0},get kept(){return Ke(t)},get left(){
return t===void 0?1/0:typeof t=="string"?y(t):Math.abs(t)},skip:n,take(s){if(t===void 0)return s;if(typeof t=="string"){let o=$(t,s),a=t.slice(0,o);return t=t.slice(
o),t===""&&n(),a}let i=t>0?s:-s;return t-=i,t===0&&n(),i}}}function j(r,e){let t=[],[n,s]=[Te(r),Te(e)];for(;!n.done||!s.done;)if(n.left!==1/0&&!n.kept&&n.insert===
void 0)p(t,n.take(n.left));else if(s.insert!==void 0)p(t,s.insert),s.skip();else{let i=Math.min(n.left,s.left),o=s.done||s.kept,a=n.take(i);s.take(i),o?p(t,a):typeof a==
"number"&&p(t,-i)}return t}function z(r,e){let[t,n]=[[],[]],[s,i]=[Te(r),Te(e)];for(;!s.done||!i.done;)if(s.insert!==void 0)p(t,s.insert),p(n,y(s.insert)),s.skip();else if(i.
insert!==void 0)p(t,y(i.insert)),p(n,i.insert),i.skip();else{let o=Math.min(s.left,i.left),[a,c]=[s.take(o),i.take(o)];a>0&&c>0?(p(t,o),p(n,o)):c>0?p(t,-o):a>0&&
p(n,-o)}return[t,n]}function Se(r,e){let t=0,n=0;for(let s of r)if(typeof s=="string"){if(t>=e)break;n+=y(s)}else{if(e<=t+Math.abs(s))return s>0?n+e-t:n;t+=Math.
abs(s),s>0&&(n+=s)}return n+e-t}function Je(r,e){let t=[],n=0;for(let s of r)if(typeof s=="string")p(t,-y(s));else{let i=$(e,Math.abs(s),n);p(t,s>0?s:e.slice(n,
i)),n=i}return t}function ft(r){return r.reduce((e,[t,n,s])=>{let i=[];return p(i,t),p(i,s),p(i,-n),j(e,i)},[])}function pt(r){let e=[],t=0,n=null;for(let s of r){
if(Ke(s)){t+=s,n=null;continue}n||e.push(n=[t,0,""]),typeof s=="string"?(n[2]+=s,t+=y(s)):n[1]-=s}return e}function G(r,e){let t=Math.min(r.length,e.length),n=0;
for(;n<t&&r.charCodeAt(n)===e.charCodeAt(n);)n++;n>0&&yn(r.charCodeAt(n-1))&&n--;let s=0;for(;s<t-n&&r.charCodeAt(r.length-1-s)===e.charCodeAt(e.length-1-s);)s++;
s>0&&bn(r.charCodeAt(r.length-s))&&s--;let i=[];return p(i,Ce(r,n)),p(i,e.slice(n,e.length-s)),p(i,-y(r.slice(n,r.length-s))),i}var yn=r=>r>=55296&&r<=56319,bn=r=>r>=
56320&&r<=57343;var vn=1e5,Ee=class{#e;#n;#t;#s=new Map;#r="";#i=document.createElement("div");#o=!1;constructor(e,t,n){this.#e=e,this.#n=t,this.#t=n,this.#i.className="pad-mir\
ror",this.#i.setAttribute("aria-hidden","true"),e.parentElement?.append(this.#i),e.addEventListener("scroll",()=>this.#l()),new ResizeObserver(()=>this.#l()).observe(
e)}put(e,t,n){this.#r=n,t<0?this.#c(e):this.#a(e).at=t,this.#l()}edited(e,t,n){this.#r=n;for(let s of this.#s.values())s.at=Se(t,s.at);e&&(this.#a(e).at=wn(t)),
this.#l()}keep(e){for(let t of this.#s.keys())e(t)||this.#c(t)}#a(e){let t=this.#s.get(e);if(!t){let{name:s}=this.#t(e),i=document.createElement("span");i.className=
"caret",i.style.setProperty("--hue",String(Q(s))),i.dataset.name=s,this.#n.append(i),this.#s.set(e,t={at:0,element:i})}t.element.classList.remove("still"),clearTimeout(
t.timer);let{element:n}=t;return t.timer=setTimeout(()=>n.classList.add("still"),2500),t}#c(e){let t=this.#s.get(e);clearTimeout(t?.timer),t?.element.remove(),this.#s.
delete(e)}#l(){this.#o||this.#s.size===0||(this.#o=!0,requestAnimationFrame(()=>{this.#o=!1,this.#d()}))}#d(){let e=this.#r.length>vn;if(this.#n.hidden=e,e)return;
this.#i.style.width=`${this.#e.clientWidth}px`,this.#i.textContent=`${this.#r.replaceAll("\r","\u240D")}\u200B`;let t=this.#i.getBoundingClientRect(),n=document.
createRange(),s=this.#i.firstChild;for(let{at:i,element:o}of this.#s.values()){let a=Math.min($(this.#r,i),this.#r.length);n.setStart(s,a),n.setEnd(s,a+1);let c=[
...n.getClientRects()].at(this.#r[a]===`
`?0:-1)??t,d=c.top-t.top-this.#e.scrollTop;o.hidden=d<-4||d>this.#e.clientHeight-8,o.style.transform=`translate(${c.left-t.left}px, ${d}px)`,o.style.height=`${c.
height||20}px`}}};function wn(r){let e=0,t=0;for(let n of r)typeof n=="string"?t=e+=y(n):n>0?e+=n:t=e;return t}var kn=48e3,gt=32,Me=class{text="";#e="";#n=null;#t=null;get pending(){return this.#n!==null||this.#t!==null}get waiting(){return this.#n!==null}edit(e){H(e)||(this.
text=I(this.text,e),this.#t=this.#t?j(this.#t,e):e)}take(){if(this.#n||!this.#t)return null;let[e,t]=xn(this.#t);return this.#t=H(t)?null:t,H(e)?null:(this.#n=e,
pt(e))}agreed(){this.#n&&(this.#e=I(this.#e,this.#n)),this.#n=null}refused(){this.#t=this.#n&&this.#t?j(this.#n,this.#t):this.#n??this.#t,this.#n=null}theirs(e){
this.#e=I(this.#e,e);let t=e;return this.#n&&([t,this.#n]=z(t,this.#n)),this.#t&&([t,this.#t]=z(t,this.#t)),this.text=I(this.text,t),t}restart(e){return this.theirs(
G(this.#e,e))}giveUp(){let e=G(this.text,this.#e);return this.text=this.#e,this.#n=this.#t=null,e}};function xn(r){let e=[],t=[],n=kn;for(let s of r){let i=n<=0;
if(typeof s=="string"){let o=i?"":Tn(s,n);D(e,o),D(t,y(o)),D(t,s.slice(o.length)),n=o===s?n-yt(o)-gt:0}else s>0?(D(e,s),D(t,s)):(D(e,i?-s:s),D(t,i?s:0),n-=gt)}return[
e,t]}function D(r,e){e!==0&&e!==""&&r.push(e)}function Tn(r,e){let t=Math.min(r.length,e);for(;t>1&&yt(r.slice(0,t))>e;)t=Math.floor(t*.8);return(r.codePointAt(
t-1)??0)>65535?r.slice(0,t+1):r.slice(0,t)}var Cn=new TextEncoder,yt=r=>Cn.encode(JSON.stringify(r)).length;var bt=500,Sn=120,En=800,Mn=300,An=2e4,Ae=class{#e;#n;#t=l("#pad-text");#s=l("#pad-status");#r=l("#pad-size");#i;#o=new Me;#a=0;#c="";#l=null;#d="";#u=null;#p=0;#f=!1;#m=[];#h=[];#k=0;#g=0;#v=0;constructor(e,t){
this.#e=e,this.#n=t,this.#i=new Ee(this.#t,l("#carets"),n=>N(e,n)),this.#L(),e.updates.subscribe(n=>n.type==="state"?this.#E(n.state.text,n.rev):this.#M(n.event)),
e.messages.subscribe(({name:n,by:s,data:i})=>n==="caret"&&s&&this.#i.put(s,i?.at??-1,this.#o.text)),e.members.subscribe(({list:n})=>this.#i.keep(s=>n.has(s))),e.
status.subscribe(()=>{this.#y(),this.#F()})}get pending(){return this.#o.pending}#E(e,t){this.#l={text:e,rev:t,events:[]},this.#o.waiting||this.#w()}#M(e){let t=e.
mine&&JSON.stringify(e.data.patches)===this.#c;if(this.#l&&!t)return void this.#l.events.push(e);this.#l&&this.#w(),this.#a=e.rev;let n=ft(e.data.patches);if(t)
this.#o.agreed(),this.#c="";else{let s=this.#T(()=>this.#o.theirs(n));this.#C(s),this.#i.edited(e.by??"",s,this.#o.text)}this.#y(),this.#F()}#w(){if(!this.#l)return;
let{text:e,rev:t,events:n}=this.#l;this.#l=null,this.#a=t,this.#C(this.#T(()=>this.#o.restart(e)));for(let s of n)this.#M(s);this.#y(),this.#F()}#y(){if(this.#l||
q(this.#e.status.value)!=="live")return;let e=this.#o.take();if(!e)return;let t=this.#a,n=JSON.stringify(e);this.#c=n,this.#n.follow(this.#e.send("edit",{patches:e},
{expect:t,trace:this.#n.wantsTrace()})).then(()=>{this.#c===n&&(this.#o.agreed(),this.#c=""),this.#b(0)},s=>this.#x(s,t))}#x(e,t){if(this.#e.status.value.phase!==
"closed")switch(this.#c="",e instanceof v?e.code:e instanceof w?"unknown":""){case"conflict":return this.#o.refused(),this.#b(this.#a===t&&!this.#l?bt:0);case"o\
verloaded":case"unavailable":case"rate_limited":case"internal":return this.#o.refused(),this.#b(bt);case"forgotten":case"unknown":return this.#o.refused(),this.#b(
0);default:this.#T(()=>this.#o.giveUp()),this.#m=[],this.#h=[],this.#n.notify(`The pad refused the edit: ${e.message}`),this.#b(0)}}#b(e){if(this.#l)return this.#w();
e>0?setTimeout(()=>this.#y(),e):this.#y(),this.#F()}#T(e){let t=e();if(H(t))return t;this.#u=this.#u?j(this.#u,t):t;let n=this.#o.text.length<An?0:this.#o.text.
length/2e3;return n===0?this.#S():this.#p||=setTimeout(()=>this.#S(),n),t}#S(){if(clearTimeout(this.#p),this.#p=0,!this.#u||this.#f)return;let e=this.#t,[t,n,s]=[
this.#u,this.#d,this.#o.text],i=u=>$(s,Se(t,Ce(n,u))),[o,a,c,d]=[i(e.selectionStart),i(e.selectionEnd),e.selectionDirection,e.scrollTop];e.value=Ve(s),document.
activeElement===e&&e.setSelectionRange(o,a,c),e.scrollTop=d,this.#d=s,this.#u=null}#L(){let e=this.#t;e.addEventListener("input",t=>!t.isComposing&&this.#A()),e.
addEventListener("compositionstart",()=>this.#f=!0),e.addEventListener("compositionend",()=>{this.#f=!1,this.#A(),this.#S()}),e.addEventListener("keydown",t=>{if(!(t.
ctrlKey||t.metaKey)||t.altKey)return;let n=t.key.toLowerCase();(n==="z"||n==="y")&&(t.preventDefault(),this.#R(n==="y"||t.shiftKey))}),e.addEventListener("befor\
einput",t=>{t.inputType!=="historyUndo"&&t.inputType!=="historyRedo"||(t.preventDefault(),this.#R(t.inputType==="historyRedo"))}),document.addEventListener("sel\
ectionchange",()=>document.activeElement===e&&this.#$()),e.addEventListener("blur",()=>this.#e.signal("caret",null))}#A(){let e=this.#t;if(!Ln(e.value)){let n=e.
selectionStart;e.value=e.value.toWellFormed(),e.setSelectionRange(n,n)}let t=G(Ve(this.#d),e.value);H(t)||(this.#d=I(this.#d,t),this.#u&&([this.#u,t]=z(this.#u,
t)),this.#P(Je(t,this.#o.text)),this.#h=[],this.#O(t))}#O(e){this.#o.edit(e),this.#i.edited("",e,this.#o.text),this.#y(),this.#F()}#P(e){let t=performance.now(),
n=t-this.#k<En&&this.#m.length>0;this.#k=t,n?this.#m.push(j(e,this.#m.pop()??[])):this.#m.push(e),this.#m.length>Mn&&this.#m.shift()}#R(e){if(this.#f)return;let t=(e?
this.#h:this.#m).pop();if(!t)return;this.#S(),(e?this.#m:this.#h).push(Je(t,this.#o.text)),this.#k=0,this.#O(t),this.#d=this.#o.text,this.#t.value=Ve(this.#d);let n=$(
this.#o.text,On(t));this.#t.setSelectionRange(n,n)}#C(e){for(let t of[this.#m,this.#h]){let n=e;for(let s=t.length-1;s>=0;s--)[n,t[s]]=z(n,t[s])}}#$(){clearTimeout(
this.#v);let e=this.#g+Sn-performance.now();if(e>0)return void(this.#v=setTimeout(()=>this.#$(),e));this.#g=performance.now(),!this.#o.pending&&!this.#u&&this.#e.
signal("caret",{at:Ce(this.#o.text,this.#t.selectionEnd)})}#F(){let e=q(this.#e.status.value)!=="live",[t,n]=this.#o.pending?e?["kept","Kept here until you are \
back"]:["sending","Saving"]:["saved","Saved"];this.#s.dataset.state=t,this.#s.textContent!==n&&(this.#s.textContent=n);let s=y(this.#o.text);this.#r.textContent=
`${s.toLocaleString()} ${s===1?"character":"characters"}`}},Ve=r=>r.replaceAll("\r","\u240D"),Ln=r=>r.isWellFormed?.()??!0;function On(r){let e=0,t=0;for(let n of r){
if(typeof n=="string")e+=y(n);else if(n>0){e+=n;continue}t=e}return t}var Pn=100,vt=2e3,Fn=2e3,Rn=3500,$n=new Intl.DateTimeFormat(void 0,{hour:"2-digit",minute:"2-digit"}),Le=class{#e;#n;#t;#s=l("#lines");#r=l("#chat-scroll");#i=l(
"#line-count");#o=l("#typing");#a=l("#newer");#c=l("#say-left");#l=l("#say");#d=l("#text");#u=l("#say button[name=send]");#p=new Map;#f=new Map;#m=0;#h=0;#k=null;#g=!0;constructor(e,t,n){
this.#e=e,this.#t=t,this.#n=n,this.#l.addEventListener("submit",s=>{s.preventDefault(),this.#x()}),this.#d.addEventListener("keydown",s=>{s.key!=="Enter"||s.shiftKey||
s.isComposing||(s.preventDefault(),this.#x())}),this.#d.addEventListener("input",()=>this.#S()),this.#a.addEventListener("click",()=>this.#C()),this.#r.addEventListener(
"scroll",()=>{this.#g=this.#R(),this.#g&&(this.#a.hidden=!0)}),new ResizeObserver(()=>this.#g&&this.#C()).observe(this.#r),e.updates.subscribe(s=>s.type==="stat\
e"?this.#v(s.state):this.#E(s.event)),e.messages.subscribe(({name:s,by:i})=>s==="typing"&&i&&this.#L(i))}#v(e){let t=[...this.#p.keys()];this.#s.setAttribute("a\
ria-busy","true"),this.#s.replaceChildren(),this.#k=null;for(let n of e.lines??[])this.#w(n,null);this.#s.append(...t),this.#s.removeAttribute("aria-busy"),this.#P(
e.count),this.#C()}#E({data:e,at:t,by:n,mine:s}){for(s&&this.#M(e.text),this.#w(e,t,this.#p.keys().next().value);this.#s.children.length>Pn+this.#p.size;)this.#s.
firstElementChild?.remove();this.#P(this.#h+1),n&&this.#A(n),this.#g||s?this.#C():this.#a.hidden=!1}#M(e){for(let[t,n]of this.#p)if(n===e)return this.#p.delete(
t),t.remove()}#w({who:e,text:t},n,s=null){let i=this.#y(e,t,n,e===this.#k);this.#k=e,this.#s.insertBefore(i,s)}#y(e,t,n,s){let i=document.createElement("li");i.
className="line",i.classList.toggle("own",e===this.#t.sub()),i.classList.toggle("again",s);let o=ge({name:e}),a=document.createElement("span");a.className="line\
-who",a.textContent=e;let c=document.createElement("span");if(c.className="line-text",c.textContent=t,n){let d=document.createElement("time"),u=new Date(n);d.dateTime=
u.toISOString(),d.textContent=$n.format(u),a.append(d),c.title=u.toLocaleString()}return i.append(o,a,c),i}#x(){let e=this.#d.value.trim().toWellFormed?.()??this.#d.
value.trim();!e||[...e].length>vt||(this.#d.value="",this.#S(),this.#m=0,this.#b(e))}#b(e){let t=this.#n.follow(this.#e.send("say",{text:e},{trace:this.#n.wantsTrace()})),
n=this.#y(this.#t.sub(),e,null,!1);n.classList.add("waiting"),this.#p.set(n,e),this.#s.append(n),this.#C(),t.then(()=>{this.#p.delete(n)&&n.remove()},s=>{this.#p.
delete(n),this.#T(n,e,s)})}#T(e,t,n){e.classList.replace("waiting","failed");let s=document.createElement("button");s.type="button",s.className="again-button",s.
textContent="Not sent. Try again",s.title=n.message,s.addEventListener("click",()=>{e.remove(),this.#b(t)}),e.append(s)}#S(){let e=vt-[...this.#d.value.trim()].
length;this.#c.textContent=e<200?String(e):"",this.#c.classList.toggle("over",e<0),this.#u.disabled=this.#d.value.trim()===""||e<0,this.#d.style.height="auto",this.#d.
style.height=`${Math.min(this.#d.scrollHeight,140)}px`;let t=Date.now();this.#d.value&&t-this.#m>Fn&&(this.#m=t,this.#e.signal("typing",{}))}#L(e){clearTimeout(
this.#f.get(e)),this.#f.set(e,setTimeout(()=>this.#A(e),Rn)),this.#O()}#A(e){clearTimeout(this.#f.get(e)),this.#f.delete(e)&&this.#O()}#O(){let e=[...this.#f.keys()].
map(n=>N(this.#e,n).name),t=e.length>2?`${e.length} people are`:e.length===2?`${e.join(" and ")} are`:e.length===1?`${e[0]} is`:"";this.#o.textContent=t&&`${t} \
typing`,this.#o.classList.toggle("on",t!=="")}#P(e){this.#h=e,this.#i.textContent=`${e.toLocaleString()} ${e===1?"line":"lines"}`}#R(){let e=this.#r;return e.scrollHeight-
e.scrollTop-e.clientHeight<60}#C(){this.#g=!0,this.#r.scrollTop=this.#r.scrollHeight,this.#a.hidden=!0}};var Ge=6e3,Fe=new URLSearchParams(location.search).get("room")||"lobby",A=new xe,Re=await ht(A.fetch),Oe=new we,E=new ke,wt=0,W={follow(r){return E.follow(r).then(
({trace:e})=>e&&Oe.trace(e),()=>{}).finally(Pe),Pe(),r},wantsTrace:()=>Oe.wantsTrace(),notify(r){let e=l("#notice");e.textContent=r,e.classList.add("on"),clearTimeout(
wt),wt=setTimeout(()=>e.classList.remove("on"),6e3)}},x=[];function $e(r,e={}){let t=_e(Ue(location.origin,r,Fe),{token:Re.token,storage:sessionStorage,fetch:A.
fetch,WebSocket:A.WebSocket,backoff:{min:250,max:8e3},queue:{commands:2e4,bytes:8388608},pingEvery:1e4,...e});return E.watch(r,t),t.status.subscribe(Pe),x.push(
t),t}var Ze=$e("board",{presence:!0,pingEvery:2e3}),Tt=$e("room",{presence:!0}),Ct=$e("pad",{presence:!0}),St=$e("counter",{apply:{events:{added:(r,{by:e})=>({n:r.
n+e})}}});Re.leaving=()=>Promise.all(x.map(r=>r.leave()));var Nn=new ve(Ze,W);new Le(Tt,Re,W);var Et=new Ae(Ct,W);new ye(Tt,Re);document.addEventListener("theme",
()=>Nn.recolor());Ze.latency.subscribe(r=>r&&(Oe.ping(r),Pe()));St.state.subscribe(r=>l("#applause-count").textContent=(r?.n??0).toLocaleString());l("#applause").
addEventListener("click",r=>{W.follow(St.send("add",{by:1},{predict:({n:t})=>({n:t+1})})).catch(()=>{});let e=r.currentTarget;e.classList.remove("clap"),e.offsetWidth,
e.classList.add("clap")});var Mt={websocket:"WebSocket",sse:"SSE",longpoll:"Long poll"},Ye=l("#cut"),kt=0;function xt(r){sessionStorage.setItem("tutti.line",r);
let e=r in Mt?[r]:[];for(let t of x)t.use(...e)}for(let r of document.querySelectorAll("input[name=transport]"))r.checked=r.value===(sessionStorage.getItem("tut\
ti.line")??"auto"),r.checked&&r.value!=="auto"&&xt(r.value),r.addEventListener("change",()=>xt(r.value));Ye.addEventListener("click",async()=>{if(A.isCut)return;
let r={events:E.events};A.cut(),kt=Date.now()+Ge,Ye.disabled=!0;for(let s=Ge;s>0;s=kt-Date.now())l("#cut-word").textContent=`Cut for ${Math.ceil(s/1e3)} s more`,
await new Promise(i=>setTimeout(i,Math.min(s,250)));let e=E.waiting;A.mend();for(let s of x)s.wake();Ye.disabled=!1,l("#cut-word").textContent="Cut the network \
for 6 s",await Hn();let t=E.events-r.events,n=`${e} ${e===1?"change":"changes"} of yours kept and stored`;W.notify(`Back after ${Ge/1e3} s: ${n}, ${t} ${t===1?"\
event":"events"} caught up, ${E.missing} missing.`)});async function Hn(){for(;E.waiting>0||x.some(r=>q(r.status.value)!=="live");)await new Promise(r=>setTimeout(
r,50))}var In={live:"Live",recovering:"Recovering",connecting:"Connecting",away:"Away",ended:"Ended"},Xe=!1;function Pe(){Xe||(Xe=!0,requestAnimationFrame(At))}
function At(){Xe=!1;let r=ot.findLast(s=>x.some(i=>q(i.status.value)===s))??"connecting",e=l("#link-state");e.dataset.state!==r&&(e.dataset.state=r,l("#link-wor\
d").textContent=In[r],r==="away"&&Oe.away());let t=(Ze.latency.value?.roundTrip??Number.NaN)/1e3;l("#link-ms").textContent=r==="live"?J(t):"",document.documentElement.
dataset.link=r,E.away(r==="away"||r==="ended",A.isCut);let n=[...new Set(x.map(s=>s.status.value.transport))].map(s=>s?Mt[s]:"\u2013");l("#over").textContent=r===
"live"?`over ${n.join(", ")}`:"",jn(r)}function jn(r){let e=r==="away"||r==="ended"||r==="recovering";if(l("#banner").hidden=!e,!e)return;let t=E.waiting+(Et.pending&&
Ct.unanswered===0?1:0),n=t>0?`${t} ${t===1?"change is":"changes are"} kept and will be sent.`:"What you do now is kept and will be sent.",[s,i]=l("#banner-text").
parentElement?[l("#banner-text"),l("#banner-button")]:[];if(!(!s||!i)){if(r==="ended"){let o=x.find(c=>c.status.value.phase==="closed")?.status.value.error,a=o instanceof
S&&o.code==="replaced";s.textContent=a?"This tab was opened somewhere else.":`The connection has ended: ${o?.message??"it was closed"}.`,i.textContent="Come bac\
k"}else if(r==="recovering")s.textContent=`The entity is moving to another node. ${n}`;else if(A.isCut)s.textContent=`The network is cut. ${n}`;else{let o=Math.
max(...x.map(c=>c.status.value.retryAt??0)),a=Math.max(0,Math.ceil((o-Date.now())/1e3));s.textContent=`Connection lost. ${a>0?`Trying again in ${a} s.`:"Trying \
again."} ${n}`,i.textContent="Try now"}i.hidden=r==="recovering"||A.isCut}}function Lt(){for(let r of x)r.wake()}l("#banner-button").addEventListener("click",()=>{
x.some(r=>r.status.value.phase==="closed")&&location.reload(),Lt()});setInterval(At,1e3);addEventListener("beforeunload",r=>{(Et.pending||E.waiting>0)&&r.preventDefault()});
l("#place").textContent=Fe;document.title=`${Fe} \xB7 Tutti`;l("#share").addEventListener("click",async()=>{let r=new URL(location.href);r.searchParams.set("roo\
m",Fe);try{await navigator.clipboard.writeText(r.href),W.notify("Link copied. Whoever opens it is here too.")}catch{W.notify(r.href)}});var Ot=document.querySelectorAll(
".tabs button");function et(r){document.body.dataset.panel=r;for(let e of Ot)e.setAttribute("aria-pressed",String(e.dataset.panel===r))}for(let r of Ot)r.addEventListener(
"click",()=>et(r.dataset.panel??"board"));et("board");l("#link-state").addEventListener("click",()=>{et("hops"),Lt()});
