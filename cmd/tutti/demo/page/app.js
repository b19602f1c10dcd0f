function Z(r,e){try{return r?.getItem(e)??void 0}catch{return}}function K(r,e,t){try{r?.setItem(e,t)}catch{}}var _t=36e5,Ut=1e4,Bt=3,qt=4,ee=class{#e;#n;#t;#s;#r=0;#i=0;#o=0;#a;constructor(e,t,n){this.#e=n,this.#n=`tutti.transport.${t}`,this.#t=e,this.#a=Z(n,this.#n),this.#s=
this.#c()}get present(){return this.#t[this.#s]}get best(){return this.#t[0]}get hasFallback(){return this.#t.some(e=>e!=="websocket")}use(e){this.#t=e,this.#s=
0,this.#r=0}welcomed(e){this.#s=Math.max(this.#t.indexOf(e),0),this.#r=0,this.#o=0,this.#t.length!==1&&(this.#a=`${e} ${Date.now()+_t}`,K(this.#e,this.#n,this.#a))}answered(){
this.#r=0,this.#s=this.#c()}ended(e){this.#i=e<Ut?this.#i+1:0,this.#i>=Bt&&(this.#i=0,this.#s=(this.#s+1)%this.#t.length)}failed(e){return++this.#o<qt&&this.#s===
this.#c()&&this.#a?!1:(this.#o=0,e||++this.#r>=this.#t.length?(this.#r=0,this.#s=this.#c(),!1):(this.#s=(this.#s+1)%this.#t.length,!0))}#c(){let[e,t]=this.#a?.split(
" ")??[];return Number(t)>Date.now()?Math.max(this.#t.indexOf(e),0):0}};function W(){return(performance.timeOrigin+performance.now())*1e3}function je(r){return r!==void 0&&r<=6e7?Math.round(r):void 0}var Qt=12,te=class{#e=[];pong(e,t,{
at:n,edge_us:s=0,state_us:i=0}){let o=t-e,a=Math.max(o-s-i,0);return n!==void 0&&(this.#e=[...this.#e.slice(1-Qt),{network:a,offset:n-e-a/2}]),{roundTrip:o,edge:s,
state:i,...this.#n(e,a,n)}}trace(e,t,{at:n,...s}){let i=Object.values(s).reduce((o,a)=>o+a,0);return{...this.#n(e,Math.max(t-e-i,0),n),...s}}reset(){this.#e=[]}#n(e,t,n){
let s;for(let a of this.#e)(!s||a.network<s.network)&&(s=a);let i=s&&n!==void 0?n-s.offset-e:t/2,o=Math.min(Math.max(i,0),t);return{up:o,down:t-o}}};var ne=class{#e;#n;#t=0;constructor({min:e=100,max:t=1e4}){this.#e=e,this.#n=Math.max(t,e)}next(){let e=Math.min(this.#n,this.#e*2**Math.min(this.#t,30));return this.#t++,
Math.random()*e}reset(){this.#t=0}};var C=class extends Error{get name(){return"TuttiError"}},w=class extends C{get name(){return"Rejected"}code;constructor(e,t){super(t||e),this.code=e}},T=class extends C{get name(){
return"Unknown"}},A=class extends C{get name(){return"Closed"}},z=class extends C{get name(){return"Overflow"}},k=class extends C{get name(){return"Terminated"}code;reconnect;after;constructor(e,t,n,s){
super(t||e),this.code=e,this.reconnect=n,this.after=s}},E=class extends C{get name(){return"Refused"}status;code;after;byServer;constructor(e,t,n,s,i){super(t),
this.status=e,this.byServer=n,this.code=s,this.after=i}},m=class extends C{get name(){return"Lost"}unreachable;constructor(e,t=!1,n){super(e,{cause:n}),this.unreachable=
t}};async function O(r){let e=!!r.headers.get("content-type")?.startsWith("application/problem+json"),t={};try{e?t=await r.json():await r.body?.cancel()}catch{}
return new E(r.status,t.detail??t.title??`status ${r.status}`,e,t.code,Kt(r.headers.get("retry-after")))}function Kt(r){if(!r)return;let e=/^\d+$/.test(r)?Number(
r)*1e3:Date.parse(r)-Date.now();return Number.isNaN(e)?void 0:Math.min(Math.max(e,0),36e5)}var P=r=>r?{authorization:`Bearer ${r}`}:{};function*se(r){let e=[],t=0;for(let n of r)(e.length===256||t>0&&t+n.length>262144)&&(yield e.join(`
`),e=[],t=0),e.push(n),t+=n.length;e.length>0&&(yield e.join(`
`))}function re(r){return r.split(`
`).filter(e=>e.trim()).map(e=>JSON.parse(e))}var zt=1e3,ct=35e3,_=class{#e;#n;#t;#s=new AbortController;#r=[];#i;constructor(e,t){this.#e=e,this.#n=t,this.#t=new URL(e.url),this.#t.pathname+="/commands";let n=e.
url.searchParams.get("conn")??"";this.#t.search=new URLSearchParams({conn:n}).toString()}get busy(){return this.#r.length>zt}get drained(){return this.#i??Promise.
resolve()}send(e){this.#r.push(e),this.#i??=this.#o()}close(){this.#s.abort()}async#o(){await null;try{for(;this.#r.length>0&&!this.#s.signal.aborted;){let e=this.#r;
this.#r=[];for(let t of se(e))await this.#a(t)}}catch(e){this.#s.signal.aborted||this.#n.ended(e)}this.#i=void 0}async#a(e){let{token:t,fetch:n}=this.#e,s=this.#s.
signal,i=()=>this.#n.ended(new m("a POST got no answer",!0)),o=setTimeout(i,ct);try{let a=await n(this.#t,{method:"POST",headers:{...P(t()),"content-type":"appl\
ication/x-ndjson",accept:"application/x-ndjson"},body:e,signal:s,credentials:"omit",cache:"no-store"});if(!a.ok)throw await O(a);await De(a,c=>{clearTimeout(o),
o=setTimeout(i,ct),s.aborted||this.#n.frames(re(c),!0)})}catch(a){throw a instanceof TypeError?new m("a POST got no answer",!0,a):a}finally{clearTimeout(o)}}};async function De(r,e){
let t=r.body?.getReader();if(!t)return e(await r.text());let n=new TextDecoder,s="";for(;;){let{done:i,value:o}=await t.read(),a=s+(i?n.decode():n.decode(o,{stream:!0})),
c=i?a.length:a.lastIndexOf(`
`)+1;if(s=a.slice(c),c>0&&e(a.slice(0,c)),i)return}}var Jt=25;function lt(r,e){let t=new AbortController,n=()=>{t.abort(),i.close()},s=a=>{t.signal.aborted||(n(),e.ended(a))},i=new _(r,{...e,ended:s});return(async()=>{
let a=new URL(r.url);a.searchParams.set("welcome","1");let c=0;for(;!t.signal.aborted;){let l=await Vt(r,a,t.signal),h=l.status===204?[]:await l.json();if(t.signal.
aborted)return;if(!Array.isArray(h))throw new m("an answer to a poll without frames");e.heard(),a.searchParams.delete("welcome"),a.searchParams.set("poll",String(
++c));let f=l.headers.get("tutti-cursor");f&&a.searchParams.set("cursor",f),h.length>0&&e.frames(h,!1)}})().catch(a=>s(a instanceof TypeError?new m("no answer t\
o a poll",!0,a):a)),{send:a=>i.send(a),drained:()=>i.drained,close:n,get busy(){return i.busy}}}async function Vt({token:r,fetch:e},t,n){let s={...P(r()),accept:"\
application/json",prefer:`wait=${Jt}`},i=await e(t,{headers:s,signal:n,credentials:"omit",cache:"no-store"}),o=i.headers.get("content-type")?.startsWith("applic\
ation/json");if(i.status!==204&&!(i.ok&&o))throw await O(i);return i}function We(r){queueMicrotask(()=>{throw r})}function ie(r,e){try{r(e)}catch(t){We(t)}}function _e(r){let e=Promise.resolve();return()=>{let t=e.then(r,r);return e=
t,t}}var S=class{#e;#n=!1;#t=new Set;#s=new Set;constructor(e){this.#e=e}get value(){return this.#e}set(e){if(!Object.is(e,this.#e)){this.#e=e;for(let t of[...this.#t]){
if(!Object.is(this.#e,e))return;this.#t.has(t)&&ie(t,e)}}}end(){this.#n=!0;for(let e of this.#s)e();this.#s.clear()}subscribe(e){let t=n=>e(n);return this.#t.add(
t),ie(t,this.#e),()=>{this.#t.delete(t)}}[Symbol.asyncIterator](){let e=!1,t=!1,n=()=>{},s=this.subscribe(()=>{e=!0,n()}),i=()=>n();this.#s.add(i);let o=()=>(t=
!0,s(),this.#s.delete(i),n(),{done:!0,value:void 0});return{next:_e(async()=>{for(;!e;){if(t||this.#n)return o();await new Promise(a=>{n=a})}return e=!1,t?o():{
done:!1,value:this.#e}}),return:async()=>o()}}};var oe=class{#e;#n;#t;#s;#r=0;#i;#o=!1;#a=Ue();constructor(e,t,n,s){this.#e=s,this.#n=t,this.#t=n,this.#s=setTimeout(()=>s.dead(),e)}heard(){this.#i=void 0,!(this.#o||
this.#r)&&(this.#o=!0,this.#c(()=>this.#e.dead(),3e4))}welcome(e){this.#r=Math.max(e,1e3),this.#l()}look(e){this.#a=e}check(){this.#r&&(this.#i=void 0,this.#l(),
this.#c(()=>this.#d(5e3),5e3))}stop(){clearTimeout(this.#s)}#c(e,t){clearTimeout(this.#s),this.#s=setTimeout(e,t)}#l(){this.#i??=ae(),this.#e.ping();let e=this.#a&&
this.#n>0?Math.min(this.#n,this.#r):this.#r;this.#c(()=>this.#d(this.#t*this.#r),e)}#d(e){let t=e-(this.#i?.()??0);this.#i?t<=0?this.#e.dead():this.#c(()=>this.#d(
e),t):this.#l()}};function ae(){let r=Date.now(),e=performance.now();return()=>Math.max(Date.now()-r,performance.now()-e)}function Ue(){return globalThis.document?.
visibilityState!=="hidden"}function dt(r,e){let t=new AbortController,n=()=>{t.abort(),i.close()},s=o=>{t.signal.aborted||(n(),e.ended(o))},i=new _(r,{...e,ended:s});return Gt(r,e,t.signal).
then(()=>s(new m("the stream ended")),s),{send:o=>i.send(o),drained:()=>i.drained,close:n,get busy(){return i.busy}}}async function Gt({url:r,token:e,fetch:t},n,s){
let i;try{let o={...P(e()),accept:"text/event-stream"};if(i=await t(r,{headers:o,signal:s,credentials:"omit",cache:"no-store"}),!i.headers.get("content-type")?.
startsWith("text/event-stream"))throw await O(i);let a=new Be;await De(i,c=>{if(s.aborted)return;n.heard();let l=a.read(c);a.retry!==void 0&&n.pace(a.retry),l.length>
0&&n.frames(l,!1)})}catch(o){throw o instanceof TypeError?new m("the stream broke",!i,o):o}}var Be=class{retry;#e="";read(e){let t=[];for(let n of e.replace(/\n$/,
"").split(/\r?\n/)){let[,s,i=""]=/^(data|retry)(?:: ?(.*?))?\r?$/.exec(n)??[];s==="data"&&(this.#e+=`${i}
`),s==="retry"&&/^\d+$/.test(i)&&(this.retry=Number(i)),(n===""||n==="\r")&&(this.#e&&t.push(JSON.parse(this.#e)),this.#e="")}return t}};var ce="tutti.v1",Yt=1<<20,Xt=[1002,1003,1007,4400,4403,4404,4409,4413];function ht(r,e){let t,n=!1,s=!1,i=[],o=h=>{n||(a(),e.ended(h))},a=()=>{n=!0;try{t?.close(
1e3)}catch{}},c=()=>{if(n||!s)return;let h=i;i=[];for(let f of se(h))t?.send(f)},l=h=>{if(n||!r.WebSocket)return;let f=new URL(r.url);f.protocol=f.protocol.replace(
"http","ws");let u;try{u=new r.WebSocket(f.href,h?[ce,h]:[ce])}catch(b){return o(new m("a WebSocket is not allowed here",!1,b))}t=u,u.onopen=()=>{if(s=!0,n)return a();
if(u.protocol!==ce)return o(new E(426,`the server does not speak ${ce}`,!1));e.heard(),c()},u.onmessage=({data:b})=>{if(!n){e.heard();try{e.frames(re(String(b)),
!1)}catch(D){o(new m("a frame is no JSON",!1,D))}}},u.onerror=()=>{},u.onclose=({code:b,reason:D})=>{let Y=D||`the WebSocket closed with ${b}`;o(Xt.includes(b)?
new k(`closed with ${b}`,Y,!1):new m(Y))}};return r.tickets&&r.token()?Zt(r).then(h=>l(`ticket.${h}`),o):l(r.token()&&`bearer.${r.token()}`),{send(h){i.push(h)===
1&&queueMicrotask(c)},get busy(){return(t?.bufferedAmount??0)>Yt},drained:async()=>{},close:a}}async function Zt({url:r,token:e,fetch:t}){let n;try{let s=new URL(
`${r.pathname.slice(0,r.pathname.lastIndexOf("/v1/"))}/v1/tickets`,r);n=await t(s,{method:"POST",headers:P(e()),credentials:"omit",cache:"no-store"})}catch(s){throw new m(
"no answer to the request for a ticket",!0,s)}if(!n.ok)throw await O(n);return(await n.json()).ticket}var en={websocket:ht,sse:dt,longpoll:lt},tn=5e3,nn=3e4,sn=6e5,rn=2e3,on=[405,406,426],an=[408,409,425,429],cn=3e4,ln=3,le=class{status;#e;#n;#t;#s;#r;#i;#o;#a=!1;#c;#l;#d=0;#h;#m=!1;#u;#p=0;#g=!1;#k=!1;constructor(e,t,n,s){
this.#e=e,this.#n=t,this.#t=n,this.#s=s,this.#r=new ne(t.backoff),this.status=new S({phase:"connecting",transport:n.present,recovering:!1,error:void 0,retryAt:void 0})}get link(){
return this.#i?.lived&&this.#i.link}connect(){if(clearTimeout(this.#c),this.#k||this.#i)return;let e=this.#t.present;this.#f({phase:"connecting",transport:e,retryAt:void 0}),
this.#i=this.#y(e)}wake(){if(this.#i)return this.#i.pulse.check();this.status.value.phase!=="waiting"||this.#m||(this.#r.reset(),this.connect())}look(e){this.#i?.
pulse.look(e),e&&this.wake()}use(e){if(this.#t.use(e),this.#C(),!this.#i)return this.wake();this.#i.transport!==e[0]&&(this.#i.lived?this.#x(!0):this.#w(this.#i,
new m("another transport is wanted"),0))}restart(e){this.#i&&this.#w(this.#i,e,this.#r.next())}async leave(){let e=this.link;e&&(this.#g=!0,this.#C(),e.send('{"\
type":"leave"}'),await new Promise(t=>{let n=setTimeout(t,rn);e.drained().then(()=>{clearTimeout(n),t()})})),this.close()}close(e){if(!this.#k){this.#k=!0,clearTimeout(
this.#c),clearTimeout(this.#l),this.#s.stop();for(let t of[this.#i,this.#o])t&&this.#v(t);this.#i=this.#o=void 0,this.#f({phase:"closed",error:e,retryAt:void 0,
recovering:!1}),this.status.end(),this.#e.closed(e)}}#f(e){this.status.set({...this.status.value,...e})}#y(e){let{patience:t,pingEvery:n,target:s}=this.#n,i=this.#e.
cursor,o=e==="websocket",a={transport:e,cursor:i,link:void 0,lived:void 0,pulse:new oe(t,o?n:3*n,o?1:1.5,{ping:()=>a.link?.send(this.#e.ping()),dead:()=>this.#E(
a)})},c=s(i);return this.#h=void 0,this.#s.get().then(()=>{this.#T(a)&&(a.link=en[e]({...this.#n,url:c,token:()=>this.#s.present},{heard:()=>a.pulse.heard(),frames:(l,h)=>this.#O(
a,l,h),ended:l=>this.#w(a,l),pace:l=>{this.#h=l}}))},l=>this.#w(a,new m("no token",!0,l))),a}#T(e){return e===this.#i||e===this.#o}#O(e,t,n){try{for(let s of t){
if(!this.#T(e))break;this.#S(e,s,n)}}catch(s){this.#w(e,s)}this.#e.publish()}#S(e,t,n){if(t.type==="terminate"){let{code:s,message:i,reconnect:o,after:a}=t;n||this.#w(
e,new k(s,i,o,a))}else t.type==="welcome"?this.#b(e,t):t.type==="status"?e===this.#i&&this.#f({recovering:t.state!=="serving"}):e.lived&&this.#e.take(t,n)}#b(e,t){
let n=e.lived!==void 0;if(e===this.#o){let s=this.#i;this.#i=e,this.#o=void 0,s&&this.#v(s)}n||(e.lived=ae(),this.#p=0,this.#t.welcomed(e.transport),this.#s.keep(
s=>this.link?.send(JSON.stringify({type:"auth",token:s}))),this.#M()),this.#e.welcome(t,!t.known&&e.cursor!==void 0,n),n||e.pulse.welcome(t.heartbeat),this.#f({
phase:"online",transport:e.transport,error:void 0,recovering:!1})}#C(){let e=this.#o;this.#o=void 0,e&&this.#v(e)}#v(e){e.link&&!e.lived&&(this.#u=ae()),e.pulse.
stop(),e.link?.close()}#E(e){let t=e.link!==void 0;t||this.#s.forget(),this.#w(e,new m(t?"nothing was heard from the server":"no token has come",!t))}#x(e){this.#a=
e,this.#o=this.#y(this.#t.best)}#M(){if(clearTimeout(this.#l),this.#i?.transport===this.#t.best){this.#d=0;return}let e=Math.min(nn*2**this.#d,sn)*(.75+Math.random()/
2);this.#l=setTimeout(()=>{this.#d++,this.link&&!this.#o&&this.#x(!1)},e)}#w(e,t,n){if(!this.#T(e))return;if(this.#g)return this.close();if(this.#v(e),e===this.#o){
if(this.#o=void 0,!this.#a)return this.#M();e=this.#i,this.#v(e)}if(this.#s.stop(),clearTimeout(this.#l),this.#i=this.#o,this.#o=void 0,this.#i)return this.#f({
phase:"connecting",transport:this.#i.transport,error:t,recovering:!1});this.#m=!1;let s=e.lived?.()??0;s>tn&&this.#r.reset();let i=n??this.#A(e,t,s);if(i===void 0)
return this.close(t);this.#f({phase:"waiting",error:t,retryAt:Date.now()+i,recovering:!1}),this.#c=setTimeout(()=>this.connect(),i)}#A(e,t,n){if(t instanceof k){
if(t.code==="replaced"&&this.#u&&this.#u()<cn)return this.#u=void 0,this.#r.next();if(!t.reconnect)return;if(t.code==="token_expired"){if(!this.#s.renewable)return;
this.#s.expired()}return this.#m=t.after!==void 0,t.after??this.#r.next()}if(t instanceof E&&!on.includes(t.status)&&(t.byServer||t.status===401)){if(this.#t.answered(),
t.status===401){if(!this.#s.renewable||++this.#p>ln)return;this.#s.expired()}else if(t.status<500&&!an.includes(t.status))return;return this.#m=t.after!==void 0,
(t.after??0)+this.#r.next()}return e.lived?(this.#t.ended(n),this.#h??this.#r.next()):(e.transport==="websocket"&&!this.#t.hasFallback&&this.#s.expired(),e.transport!==
this.#t.present?this.#r.next():this.#t.failed(t instanceof m&&t.unreachable)?0:this.#r.next())}},qe=r=>new A(r?`closed: ${r.message}`:"closed",{cause:r});var dn=256,de=class{conn;#e;#n;#t;#s;constructor(e,t,n){this.#e=n,this.#n=`tutti.conn.${e}`;let[s,i]=Z(n,this.#n)?.split(" ")??[],o=s&&(!t||t===s)?Number(i):0;this.
conn=t??(o>0&&s?s:hn()),this.#t=o>0?o:t?Date.now()*1e3:1,this.#s=this.#t,this.#r()}take(){let e=this.#t++;return e>=this.#s&&(this.#s=e+dn,this.#r()),e}forget(){
K(this.#e,this.#n,"")}#r(){K(this.#e,this.#n,`${this.conn} ${this.#s}`)}processed(e){this.#t=Math.max(this.#t,e+1)}};function hn(){return Array.from(crypto.getRandomValues(
new Uint8Array(16)),r=>r.toString(16).padStart(2,"0")).join("")}var un=256,mn=1<<20,fn=64,ue=(r,e)=>r.length*3>e&&(r.length>e||new TextEncoder().encode(r).length>e),he=class{#e;#n;#t;#s=[];#r=new Map;#i=0;constructor(e,{commands:t=1e3,
bytes:n=1<<20},s){this.#e=e,this.#n={commands:t,bytes:n},this.#t=s}get size(){return this.#s.length+this.#r.size}check(e){if(ue(e,mn-fn))throw new w("too_large",
"the data is too large for a frame");if(this.size>=this.#n.commands||this.#i+e.length>this.#n.bytes)throw new w("overloaded","too much waits for the server")}add(e){
this.#s.push(e),this.#i+=e.rest.length}pump(e){for(;this.#r.size<un;){let t=this.#s.shift();if(!t)return;t.id=this.#e.take(),this.#r.set(t.id,t),this.#o(t,e)}}again(e,t){
let n=[],s=[];for(let i of[...this.#r.values()])(i.isQuery||e)&&this.#a(i),i.isQuery?i.abandoned||n.push(i):e?(s.push(i),i.reject(new T("the platform has forgot\
ten the connection"))):this.#o(i,t);for(let i of n)this.#i+=i.rest.length;return this.#s.unshift(...n),this.pump(t),s}unanswered(e){return[...this.#r.values()].
filter(t=>!t.isQuery&&t.id<=e)}find(e){return this.#r.get(e)}settle(e){let t=this.#r.get(e.id);if(t)return this.#a(t),e.type==="reject"?t.reject(new w(e.code,e.
message)):t.resolve(e),t}abandon(e,t){let n=this.#s.indexOf(e),s=t instanceof Error?t:new Error(String(t));return n>=0?(this.#s.splice(n,1),this.#i-=e.rest.length):
this.#r.get(e.id)===e&&(e.abandoned=!0),e.reject(n>=0||e.isQuery?s:new T(s.message,{cause:s})),n>=0}close(e){let t=e?`closed: ${e.message}`:"closed";for(let n of this.#r.
values())n.reject(n.isQuery?new A(t,{cause:e}):new T(`${t} before it was answered`,{cause:e}));for(let n of this.#s)n.reject(new A(t,{cause:e}));this.#r.clear(),
this.#s.length=0}#o(e,t){e.sentAt=this.#t(),t(`{"type":"${e.isQuery?"query":"command"}","id":${e.id}${e.rest}`)}#a(e){this.#r.delete(e.id),this.#i-=e.rest.length}};var ut=1e3,U=class{#e=new Set;#n=new Set;#t=!1;push(e){for(let t of[...this.#e])this.#e.has(t)&&ie(t,e)}end(){this.#t=!0,this.#e.clear();for(let e of this.#n)e();
this.#n.clear()}subscribe(e){let t=n=>e(n);return this.#t||this.#e.add(t),()=>{this.#e.delete(t)}}[Symbol.asyncIterator](){let e=[],t=!1,n=!1,s=()=>{},i=this.subscribe(
c=>{e.length===ut?(t=!0,e=[],i()):e.push(c),s()}),o=()=>s();this.#n.add(o);let a=()=>(n=!0,e=[],i(),this.#n.delete(o),s(),{done:!0,value:void 0});return{next:_e(
async()=>{for(;;){if(t&&!n)throw a(),new z(`more than ${ut} waited for their reader`);if(e.length>0)return{done:!1,value:e.shift()};if(n||this.#t)return a();await new Promise(
c=>{s=c})}}),return:async()=>a()}}};var me=class{confirmed;state;#e;#n=new Map;#t;#s;#r;#i=!1;constructor(e){this.#e=pn(e),this.#r=e!==void 0&&"initial"in e,this.#t=e?.initial,this.#s=this.#t,this.
confirmed=new S(this.#t),this.state=new S(this.#t)}fresh(e){this.#r=!0,this.#t=e,this.#i=!0}event(e){this.#r&&(this.#t=this.#e(this.#t,e),this.#i=!0)}predict(e,t){
this.#o(),this.#r&&(this.#s=t(this.#s)),this.#n.set(e,t)}drop(e){this.#n.delete(e)&&(this.#i=!0)}publish(){this.#o(),this.confirmed.set(this.#t),this.state.set(
this.#s)}end(){this.confirmed.end(),this.state.end()}#o(){if(!this.#i)return;this.#i=!1;let e=this.#t;if(this.#r)for(let[t,n]of this.#n)try{e=n(e)}catch(s){this.#n.
delete(t),We(s)}this.#s=e}};function pn(r){if(!r)return t=>t;if("reduce"in r)return r.reduce;let e=r.events;return(t,n)=>{let s=Object.hasOwn(e,n.name)?e[n.name]:
void 0;return s?s(t,n.data,n):t}}var fe=class{members=new S({count:0,list:new Map});#e=new Map;#n=0;#t=!1;#s=!1;welcome(){this.#t=!1}take(e){this.#s?this.#t||this.#e.clear():this.#e=this.#t?new Map(
this.#e):new Map,this.#t=!0,this.#s=!0,this.#n=e.count;for(let t of e.left??[])this.#e.delete(t);for(let t of e.joined??[])this.#e.set(t.member,t);for(let t of e.
updated??[]){let n=this.#e.get(t.member);this.#e.set(t.member,{...n&&"who"in n?{who:n.who}:{},...t})}}publish(){this.#s&&(this.#s=!1,this.members.set({count:this.#n,
list:this.#e}))}};var gn=1e3,pe=class{fold;roster=new fe;events=new U;messages=new U;updates=new U;latency=new S(void 0);clock=new te;member="";epoch;last=0;#e;#n;#t=new Map;#s=[];#r;#i=0;#o;constructor(e,t,n,s){
this.fold=new me(e),this.#e=t,this.#n=n;let[,i,o]=/^([\w-]{1,32}):(\d{1,16})$/.exec(s??"")??[];if(s!==void 0&&!i)throw new TypeError(`not a cursor: ${s}`);this.
epoch=i,this.last=Number(o??0)}get cursor(){return this.epoch===void 0?void 0:`${this.epoch}:${this.last}`}refresh(){this.epoch!==void 0&&(this.epoch="-",this.last=
0)}attached(){this.clock.reset(),this.#o=void 0}welcome(e){if(e.resumed&&(e.epoch!==this.epoch||e.rev>this.last))throw new m("the link began elsewhere");if(this.
member=e.member,this.epoch=e.epoch,this.roster.welcome(),e.resumed||(this.last=e.rev,!this.#n))return;for(let n of this.#e.unanswered(e.acked))this.fold.drop(n);
let t=e.state;this.fold.fresh(t),this.#s.push(()=>this.updates.push({type:"state",rev:e.rev,state:t}))}take(e,t){switch(e.type){case"event":this.#a(e);break;case"\
ack":t&&this.#n&&e.rev>this.last?this.#d(e):this.#l(e);break;case"reject":case"answer":this.#l(e);break;case"message":this.#c(e);break;case"presence":this.roster.
take(e);break;case"pong":this.#h(e)}}publish(){this.fold.publish(),this.roster.publish();for(let e of this.#s.splice(0))e()}ping(){let{up:e,down:t}=this.#r??{};
return this.#r=void 0,this.#o={n:++this.#i,at:W()},JSON.stringify({type:"ping",t:this.#i,up:je(e),down:je(t)})}end(){for(let e of this.#t.values())clearTimeout(
e);this.fold.end(),this.roster.members.end(),this.latency.end();for(let e of[this.events,this.messages,this.updates])e.end()}trace(e,{trace:t}){return t&&this.clock.
trace(e.sentAt,W(),t)}#a(e){let{type:t,prev:n=e.rev-1,...s}=e;if(e.rev<=this.last)return;if(n>this.last)throw new m(`events between ${this.last} and ${e.rev} ar\
e missing`);let i=e.by===this.member&&e.cmd!==void 0,o={...s,mine:i},a=i?this.#e.find(e.cmd):void 0;a&&this.fold.drop(a),this.last=e.rev;try{this.fold.event(o)}catch(c){
throw this.refresh(),c}finally{this.#s.push(()=>{this.events.push(o),this.updates.push({type:"event",event:o})})}}#c({type:e,...t}){this.#s.push(()=>this.messages.
push(t))}#l(e){clearTimeout(this.#t.get(e.id)),this.#t.delete(e.id);let t=this.#e.settle(e);t&&this.fold.drop(t)}#d(e){if(this.#t.has(e.id))return;let t=()=>{this.#l(
e),this.publish()};this.#t.set(e.id,setTimeout(t,gn))}#h(e){let t=this.#o;!t||e.t!==t.n||(this.#r=this.clock.pong(t.at,W(),e),this.latency.set(this.#r),this.#o=
void 0)}};var ge=class{#e;#n;#t="first";#s;#r;constructor(e){this.#e=e}get present(){return this.#n??""}get renewable(){return typeof this.#e=="function"}async get(){return this.#n&&
this.#a(this.#n)<=0&&this.expired(),this.#n??this.#o()}expired(){this.renewable&&this.#n&&(this.#n=void 0,this.#t="expired")}keep(e){this.stop();let t=this.#n;if(!this.
renewable||!t)return;let n=this.#a(t);n===Number.POSITIVE_INFINITY||n<=0||this.#i(Math.max(n-Math.max(n/10,5e3),1e3),e)}#i(e,t){this.#r=setTimeout(async()=>{let n=this.#r;
if(e>864e5)return this.keep(t);let s=this.#n;this.#t="expiring";try{let i=await this.#o();if(n!==this.#r)return;i!==s&&t(i),this.keep(t)}catch{n===this.#r&&this.#i(
1e3,t)}},Math.min(e,864e5))}stop(){clearTimeout(this.#r),this.#r=void 0}forget(){this.#s=void 0}#o(){if(this.#s)return this.#s;let e=Promise.resolve().then(()=>typeof this.#e==
"function"?this.#e(this.#t):this.#e).then(t=>(this.#n=t,t)).finally(()=>{this.#s===e&&(this.#s=void 0)});return this.#s=e,e}#a(e){try{let t=e.split(".")[1]?.replaceAll(
"-","+").replaceAll("_","/")??"",n=JSON.parse(atob(t)).exp;return typeof n=="number"?n*1e3-Date.now():Number.POSITIVE_INFINITY}catch{return Number.POSITIVE_INFINITY}}};var yn=4096,bn=65536;function Qe(r,e){return new ye(r,e)}function Ke(r,e,t){return`${String(r).replace(/\/$/,"")}/v1/${e}/${encodeURIComponent(t)}`}var ye=class{ready;state;confirmed;status;members;latency;events;messages;updates;conn;#e;#n;#t;#s;#r;#i;#o=0;#a=()=>{};constructor(e,t){
let n=new URL(e,globalThis.location?.href);n.protocol=n.protocol.replace(/^ws/,"http");let s=new de(n.href,t.conn,t.storage);this.conn=s.conn;let i=t.watch!==!1;
this.#n=new he(s,t.queue??{},W);let o=new pe(t.apply,this.#n,i,t.cursor);this.#e=o,this.state=o.fold.state,this.confirmed=o.fold.confirmed,this.members=o.roster.
members,this.latency=o.latency,this.events=o.events,this.messages=o.messages,this.updates=o.updates,this.#s=t.WebSocket??globalThis.WebSocket,this.#r=this.#l(t.
transports??["websocket","sse","longpoll"]);let a;this.ready=new Promise((l,h)=>{a={resolve:l,reject:h}}),this.ready.catch(()=>{});let c={get cursor(){return o.
cursor},welcome:(l,h,f)=>{o.welcome(l);let u=b=>this.#t.link?.send(b);if(f||(o.attached(),s.processed(l.acked)),this.#i!==void 0&&u(this.#i),!f){for(let b of this.#n.
again(h,u))o.fold.drop(b);a?.resolve()}},take:(l,h)=>{o.take(l,h),(l.type==="ack"||l.type==="reject"||l.type==="answer")&&this.#d()},publish:()=>o.publish(),ping:()=>o.
ping(),closed:l=>{this.#a(),(l instanceof E&&l.status===403||l instanceof k&&l.code==="refused")&&s.forget(),this.#n.close(l),o.end(),a?.reject(qe(l))}};this.#t=
new le(c,{target:l=>{let h=new URL(n);return h.searchParams.set("conn",this.conn),this.#o=Math.max(this.#o+1,Date.now()),h.searchParams.set("attempt",String(this.#o)),
i||h.searchParams.set("watch","0"),t.presence&&h.searchParams.set("presence","1"),l!==void 0&&h.searchParams.set("cursor",l),h},fetch:t.fetch??((...l)=>fetch(...l)),
WebSocket:this.#s,tickets:t.tickets??!1,backoff:t.backoff??{},patience:t.patience??8e3,pingEvery:t.pingEvery??5e3},new ee(this.#r,n.origin,t.storage),new ge(t.token)),
this.status=this.#t.status,this.#h(),this.#t.connect()}get member(){return this.#e.member}get rev(){return this.#e.last}get cursor(){return this.#e.cursor}get unanswered(){
return this.#n.size}async send(e,...[t,n={}]){let{expect:s,trace:i,predict:o,signal:a}=n,c={name:e,data:t??null,expect:s,trace:i||void 0},l,h=await this.#c(!1,c,
a,u=>{l=u,o&&(this.#e.fold.predict(u,o),this.#e.fold.publish())}),f=l&&this.#e.trace(l,h);return{id:h.id,rev:h.rev,reply:h.reply,...f&&{trace:f}}}async query(e,...[
t,n={}]){let{consistency:s,maxAge:i,signal:o}=n,a={name:e,data:t??null,consistency:s,max_age_ms:i},c=await this.#c(!0,a,o,()=>{});return{rev:c.rev,data:c.data}}signal(e,t){
if(ue(JSON.stringify(t??null),bn))throw new w("too_large","the data of a signal is 64 KiB at most");let n=this.#t.link;return!n||n.busy?!1:(n.send(JSON.stringify(
{type:"signal",name:e,data:t})),!0)}presence(e){let t=JSON.stringify({type:"presence",data:e});if(ue(JSON.stringify(e??null),yn))throw new w("too_large","presen\
ce data is 4 KiB at most");this.#i=t,this.#t.link?.send(t)}use(...e){this.#t.use(e.length>0?this.#l(e):this.#r)}refresh(){this.#e.refresh(),this.#t.restart(new Error(
"a fresh state is wanted"))}wake(){this.#t.wake()}async leave(){await this.#t.leave()}close(){this.#t.close()}async#c(e,t,n,s){let{phase:i,error:o}=this.status.
value;if(i==="closed")throw qe(o);n?.throwIfAborted();let a=`,${JSON.stringify(t).slice(1)}`;this.#n.check(a);let c=()=>{};return new Promise((l,h)=>{let f={isQuery:e,
rest:a,resolve:l,reject:h,id:0,sentAt:0,abandoned:!1};s(f),this.#n.add(f);let u=()=>{this.#n.abandon(f,n?.reason)&&(this.#e.fold.drop(f),this.#e.publish())};n?.
addEventListener("abort",u),c=()=>n?.removeEventListener("abort",u),this.#d()}).finally(()=>c())}#l(e){let t=e.filter(n=>n!=="websocket"||this.#s);if(t.length>0)
return t;throw new TypeError("there is no WebSocket here, and no other transport is allowed")}#d(){let e=this.#t.link;e&&this.#n.pump(t=>e.send(t))}#h(){let e=()=>this.
wake(),t=()=>this.#t.look(Ue()),{document:n}=globalThis;globalThis.addEventListener?.("online",e),globalThis.addEventListener?.("offline",e),n?.addEventListener(
"visibilitychange",t),this.#a=()=>{globalThis.removeEventListener?.("online",e),globalThis.removeEventListener?.("offline",e),n?.removeEventListener("visibility\
change",t)}}};var mt=["live","recovering","connecting","away","ended"];function B({phase:r,recovering:e,error:t}){switch(r){case"online":return e?"recovering":"live";case"con\
necting":return t?"away":"connecting";case"waiting":return"away";case"closed":return"ended"}}function d(r){let e=document.querySelector(r);if(!e)throw new Error(
`the page has no ${r}`);return e}var v=sessionStorage;function ft(r){return Array.from(crypto.getRandomValues(new Uint8Array(r)),e=>e.toString(16).padStart(2,"0")).join("")}function ze(r,e){let t=v.
getItem(r);if(t)return t;let n=e();return v.setItem(r,n),n}var pt="amber brave calm clever cosmic dapper eager fabled gentle golden honest jolly keen lively luc\
id merry nimble noble quiet rapid silver sunny swift velvet vivid witty".split(" "),gt="badger beaver bison crane dingo falcon finch fox gecko heron ibex jackal\
 koala lemur lynx marten narwhal ocelot otter panda puffin raven seal stoat tapir wombat".split(" ");function vn(){let[r=0,e=0]=crypto.getRandomValues(new Uint16Array(
2));return`${pt[r%pt.length]}-${gt[e%gt.length]}`}async function wn(){if(!navigator.locks)return;let r=e=>new Promise(t=>{navigator.locks.request(`tutti.${e}`,{
ifAvailable:!0},n=>(t(n!==null),n?new Promise(()=>{}):void 0))});if(!await r(ze("tutti.tab",()=>ft(16)))){for(let e of Object.keys(v).filter(t=>t.startsWith("tu\
tti.")))v.removeItem(e);await r(ze("tutti.tab",()=>ft(16)))}}async function bt(r){await wn();let e={name:ze("tutti.name",vn),sub:()=>v.getItem("tutti.sub")??e.name,
leaving:async()=>{},rename:o,token:i},t=null,n=v.getItem("tutti.token");async function s(){let a=await r("/demo/token",{method:"POST",headers:{"Content-Type":"a\
pplication/json"},body:JSON.stringify({name:e.name})});if(!a.ok)throw new Error(`token: ${a.status}`);let c=await a.json(),l=v.getItem("tutti.sub");return v.setItem(
"tutti.token",n=c.token),v.setItem("tutti.sub",c.sub),l!==null&&l!==c.sub&&yt(),c.token}function i(a){return n&&a==="first"?Promise.resolve(n):(t??=s().finally(
()=>t=null),t)}async function o(a){!a||a===e.name||(v.setItem("tutti.name",a),v.removeItem("tutti.sub"),v.removeItem("tutti.token"),await e.leaving(),yt())}return e}
function yt(){for(let r of Object.keys(v))r.startsWith("tutti.conn.")&&v.removeItem(r);location.reload()}function q(r){let e=2166136261;for(let t of r)e=Math.imul(
e^t.charCodeAt(0),16777619);return(e>>>0)%24*15}function $(r,e){return{member:e,name:String(r.members.value.list.get(e)?.who??"somebody")}}function be({name:r}){let e=document.createElement("span");return e.className=
"avatar",e.style.setProperty("--hue",String(q(r))),e.textContent=kn(r),e.setAttribute("aria-hidden","true"),e}function kn(r){return r.split(/[^\p{L}\p{N}]+/u).filter(
Boolean).slice(0,2).map(t=>[...t][0]?.toUpperCase()).join("")||"?"}var ve=class{#e=d("#people-button");#n=d("#faces");#t=d("#people-list");#s=d("#people-count");constructor(e,t){
let n=d("#name");n.value=t.name,d("#rename").addEventListener("submit",s=>{s.preventDefault(),t.rename(n.value.trim())}),e.members.subscribe(({count:s,list:i})=>{
this.#r([...i.keys()].map(o=>$(e,o)),s,e.member)})}#r(e,t,n){let s=e.sort((i,o)=>+(o.member===n)-+(i.member===n)||i.name.localeCompare(o.name));if(this.#n.replaceChildren(
...s.slice(0,4).map(be)),this.#s.textContent=String(t),this.#e.setAttribute("aria-label",`${t} ${t===1?"person is":"people are"} here`),this.#t.replaceChildren(
...s.map(i=>{let o=document.createElement("li"),a=document.createElement("span");if(a.className="person-name",a.textContent=i.name,o.append(be(i),a),i.member===
n){let c=document.createElement("span");c.className="you",c.textContent="you",o.append(c)}return o})),t>s.length){let i=document.createElement("li");i.className=
"more",i.textContent=`and ${t-s.length} more`,this.#t.append(i)}}};var g=256,xn=40,Tn=5e3,we=[["paper","#fffdf9","#15171c"],["ink","#1d2129","#eceef3"],["slate","#8b93a7","#8b93a7"],["red","#e5484d","#e5484d"],["orange","#f76b1\
5","#f76b15"],["amber","#ffc53d","#ffc53d"],["lime","#9ad04b","#9ad04b"],["green","#2f9e6a","#2f9e6a"],["teal","#12a594","#12a594"],["sky","#5bc4f0","#5bc4f0"],
["blue","#3b6fe0","#3b6fe0"],["indigo","#5b5bd6","#6e6ade"],["violet","#9a5cd0","#9a5cd0"],["pink","#e0559f","#e0559f"],["peach","#ffb8a0","#ffb8a0"],["brown","\
#a1704b","#a1704b"]],ke=class{#e;#n;#t=d("#canvas");#s=d("#pointers");#r=d("#cross");#i=d("#board-spot");#o=this.#t.getContext("2d",{alpha:!1});#a=new Uint8Array(
g*g);#c=new Map;#l=new ImageData(g,g);#d=new Uint32Array(this.#l.data.buffer);#h=new Uint32Array(we.length);#m=!1;#u=10;#p=3;#g=null;#k=0;#f=new Map;#y={x:128,y:128};constructor(e,t){
this.#e=e,this.#n=t,this.#R(),this.#x(),this.recolor(),e.updates.subscribe(n=>n.type==="state"?this.#O(n.state):this.#S(n.event)),e.messages.subscribe(({name:n,
by:s,data:i})=>n==="pointer"&&s&&this.#F(s,i)),e.members.subscribe(({list:n})=>{for(let s of this.#f.keys())n.has(s)||this.#$(s)})}recolor(){let e=document.documentElement.
dataset.theme==="dark";we.forEach(([,t,n],s)=>{let i=Number.parseInt((e?n:t).slice(1),16);this.#h[s]=4278190080|(i&255)<<16|i&65280|i>>16});for(let t=0;t<this.#a.
length;t++)this.#b(t)}colorAt(e,t){return this.#T(t*g+e)}#T(e){return this.#c.get(e)?.color??this.#a[e]}#O({pixels:e}){this.#a=Uint8Array.from(atob(e??""),t=>t.
charCodeAt(0));for(let t=0;t<this.#a.length;t++)this.#b(t)}#S({data:e}){let t=e.y*g+e.x;this.#a[t]=e.color,this.#b(t)}#b(e){this.#d[e]=this.#h[this.#T(e)],!this.#m&&
(this.#m=!0,requestAnimationFrame(()=>{this.#m=!1,this.#o.putImageData(this.#l,0,0)}))}#C(e,t){let n=this.#p/2,s=Math.floor(n);for(let i=-s;i<=s;i++)for(let o=-s;o<=
s;o++)o*o+i*i<=n*n&&this.#v(e+o,t+i)}#v(e,t){if(e<0||t<0||e>=g||t>=g||this.colorAt(e,t)===this.#u)return;let n=t*g+e,s={color:this.#u};this.#c.set(n,s),this.#b(
n);let i=()=>{this.#c.get(n)===s&&(this.#c.delete(n),this.#b(n))},o={x:e,y:t,color:this.#u};this.#n.follow(this.#e.send("paint",o,{trace:this.#n.wantsTrace()})).
then(i,i)}#E(e,t){let n=this.#g??{x:e,y:t},s=Math.max(Math.abs(e-n.x),Math.abs(t-n.y),1);for(let i=this.#g?1:0;i<=s;i++)this.#C(Math.round(n.x+(e-n.x)*i/s),Math.
round(n.y+(t-n.y)*i/s));this.#g={x:e,y:t}}#x(){let e=this.#t;e.addEventListener("pointerdown",t=>{if(t.button!==0)return;e.setPointerCapture(t.pointerId),this.#g=
null;let n=this.#M(t);this.#E(n.px,n.py)}),e.addEventListener("pointermove",t=>{if(this.#g){let n=t.getCoalescedEvents?.()??[];for(let s of n.length>0?n:[t]){let i=this.#M(
s);this.#E(i.px,i.py)}}this.#w(this.#M(t))});for(let t of["pointerup","pointercancel"])e.addEventListener(t,()=>this.#g=null);e.addEventListener("pointerleave",
()=>this.#e.signal("pointer",null)),e.addEventListener("keydown",t=>this.#A(t)),e.addEventListener("focus",()=>this.#P(!1))}#M(e){let t=this.#t.getBoundingClientRect(),
n=(e.clientX-t.left)/t.width*g,s=(e.clientY-t.top)/t.height*g;return{x:n,y:s,px:Math.floor(n),py:Math.floor(s)}}#w({x:e,y:t}){let n=performance.now();n-this.#k<
xn||(this.#k=n,this.#e.signal("pointer",{x:Math.round(e*10)/10,y:Math.round(t*10)/10,color:this.#u}))}#A(e){let t=e.shiftKey?8:1,s={ArrowLeft:[-t,0],ArrowRight:[
t,0],ArrowUp:[0,-t],ArrowDown:[0,t]}[e.key];if(s)this.#y.x=Math.min(g-1,Math.max(0,this.#y.x+s[0])),this.#y.y=Math.min(g-1,Math.max(0,this.#y.y+s[1])),this.#w({
x:this.#y.x+.5,y:this.#y.y+.5});else if(e.key===" "||e.key==="Enter")this.#C(this.#y.x,this.#y.y);else return;e.preventDefault(),this.#P(!0)}#P(e){let{x:t,y:n}=this.#y;
this.#r.style.setProperty("--x",String((t+.5)/g)),this.#r.style.setProperty("--y",String((n+.5)/g)),e&&(this.#i.textContent=`${t}, ${n}: ${we[this.colorAt(t,n)]?.[0]}`)}#F(e,t){
if(!t)return this.#$(e);let n=this.#f.get(e)??{element:this.#L(e)};this.#f.set(e,n),n.element.style.setProperty("--x",String(vt(t.x/g))),n.element.style.setProperty(
"--y",String(vt(t.y/g))),n.element.classList.toggle("right",t.x>g*.72),clearTimeout(n.timer),n.timer=setTimeout(()=>this.#$(e),Tn)}#L(e){let{name:t}=$(this.#e,e),
s=d("#pointer-shape").content.firstElementChild.cloneNode(!0);return s.style.setProperty("--hue",String(q(t))),s.querySelector(".pointer-name").textContent=t,this.#s.
append(s),s}#$(e){let t=this.#f.get(e);t&&(clearTimeout(t.timer),t.element.remove(),this.#f.delete(e))}#R(){let e=d("#palette");we.forEach(([t,n,s],i)=>{let o=document.
createElement("label");o.className="swatch",o.title=t;let a=document.createElement("input");Object.assign(a,{type:"radio",name:"color",value:String(i),checked:i===
this.#u}),a.setAttribute("aria-label",t),a.addEventListener("change",()=>this.#u=i);let c=document.createElement("span");c.style.setProperty("--light",n),c.style.
setProperty("--dark",s),o.append(a,c),e.append(o)});for(let t of document.querySelectorAll("input[name=brush]"))t.addEventListener("change",()=>this.#p=Number(t.
value))}},vt=r=>Math.min(1,Math.max(0,Number(r)||0));var Je=40,Sn=1e3,Cn=[["up","To the edge"],["edge","Edge"],["bus","Bus"],["mailbox","Mailbox"],["handler","Handler"],["journal","Disk"],["fanout","Fan-out"],["do\
wn","Back to you"]],xe=class{#e=[];#n=Number.NEGATIVE_INFINITY;#t=Object.fromEntries(["rtt","up","down","edge","state"].map(e=>[e,d(`#hop-${e}`)]));#s=d("#curve\
 .curve-line");#r=d("#curve .curve-area");#i=d("#trace-bar");#o=d("#trace-legend");#a=d("#trace-total");#c=d("#rail");ping({roundTrip:e,up:t,down:n,edge:s,state:i}){
let o={rtt:e,up:t,down:n,edge:s,state:i};for(let[a,c]of Object.entries(o))this.#t[a].textContent=J(c/1e3);this.#e.push(e/1e3),this.#e.length>Je&&this.#e.shift(),
this.#l(),this.#c.classList.remove("beat"),this.#c.offsetWidth,this.#c.classList.add("beat")}away(){for(let e of Object.values(this.#t))e.textContent="\u2013"}wantsTrace(){
let e=performance.now();return e-this.#n<Sn?!1:(this.#n=e,!0)}trace(e){let t=Cn.map(([i,o])=>({key:i,name:o,ms:(e[i]??0)/1e3})).filter(({ms:i})=>i>0),n=t.reduce(
(i,{ms:o})=>i+o,0);this.#a.textContent=J(n);let s=(i,o)=>{let a=document.createElement(i);return a.className=`part ${o}`,a};this.#i.replaceChildren(...t.map(({key:i,
ms:o})=>{let a=s("span",i);return a.style.flexGrow=String(Math.max(o/n,.015)),a})),this.#o.replaceChildren(...t.map(({key:i,name:o,ms:a})=>{let c=s("li",i);return c.
textContent=`${o} ${J(a)}`,c}))}#l(){let e=Math.max(4,...this.#e)*1.15,t=s=>(Je-this.#e.length+s)/(Je-1)*100,n=this.#e.map((s,i)=>`${t(i).toFixed(2)},${(28-s/e*
26).toFixed(2)}`);this.#s.setAttribute("points",n.join(" ")),this.#r.setAttribute("points",`${t(0).toFixed(2)},28 ${n.join(" ")} 100,28`)}};function J(r){return Number.
isFinite(r)?r<.1?`${Math.round(r*1e3)} \xB5s`:r<10?`${r.toFixed(1)} ms`:`${Math.round(r)} ms`:"\u2013"}var V=class{static every=250;sent=0;received=0;state="live";#e;#n=[];constructor(e){this.#e=e}tick(e){let{sent:t,received:n,state:s}=this;this.#n.push({sent:t,received:n,
waiting:e,state:s}),this.#n.length>240&&this.#n.shift(),this.sent=this.received=0,this.#e.offsetParent&&!document.hidden&&this.#t()}#t(){let e=this.#e,t=devicePixelRatio,
[n,s]=[Math.round(e.clientWidth*t),Math.round(e.clientHeight*t)];(e.width!==n||e.height!==s)&&([e.width,e.height]=[n,s]);let i=e.getContext("2d");if(!i)return;let o=getComputedStyle(
e),a=u=>o.getPropertyValue(`--${u}`);i.clearRect(0,0,n,s);let[c,l]=[n/240,Math.round(s/2)],h=u=>Math.min(1,Math.log2(1+u)/9)*(l-t),f=240-this.#n.length;this.#n.
forEach((u,b)=>{let D=Math.floor((f+b)*c),Y=Math.floor((f+b+1)*c)-D,X=(jt,Dt,Wt)=>{i.fillStyle=jt,i.fillRect(D,Dt,Y,Wt)};u.state!=="live"&&(i.globalAlpha=u.state===
"cut"?.22:.12,X(a("bad"),0,s),i.globalAlpha=1),u.waiting>0&&(i.globalAlpha=.35,X(a("warn"),l-h(u.waiting),h(u.waiting)),i.globalAlpha=1),X(a("accent"),l-h(u.sent),
h(u.sent)),X(a("came"),l+t,h(u.received))}),i.fillStyle=a("strong"),i.fillRect(0,l,n,t)}};var Te=class{#e=new Map;#n=new V(d("#tape"));#t=Object.fromEntries(["sent","stored","refused","waiting","events","missing","revs"].map(e=>[e,d(`#ledger-${e}`)]));#s=d(
"#ledger");#r=0;#i=0;#o=0;#a=!1;constructor(){setInterval(()=>this.#n.tick(this.waiting),V.every)}get waiting(){return this.#r-this.#i-this.#o}get events(){return this.#c(
"events")}get missing(){return this.#c("missing")}follow(e){return this.#r++,this.#n.sent++,this.#l(),e.then(()=>this.#i++,t=>{this.#o++,t instanceof T&&console.
info("nobody knows whether a command was done",t)}).then(()=>this.#l()),e}watch(e,t){let n={rev:-1,events:0,missing:0,states:0};this.#e.set(e,n),t.updates.subscribe(
s=>{if(s.type==="state")n.rev=s.rev,n.states++;else{let{rev:i}=s.event;n.events++,n.missing+=Math.abs(i-n.rev-1),n.rev=i,this.#n.received++}this.#l()})}away(e,t){
this.#n.state=t?"cut":e?"away":"live"}#c(e){return[...this.#e.values()].reduce((t,n)=>t+n[e],0)}#l(){this.#a||(this.#a=!0,requestAnimationFrame(()=>{this.#a=!1;
let e={sent:this.#r,stored:this.#i,refused:this.#o,waiting:this.waiting,events:this.events,missing:this.missing};for(let[t,n]of Object.entries(e)){let s=this.#t[t];
s.textContent=n.toLocaleString()}this.#s.dataset.waiting=String(this.waiting>0),this.#s.dataset.missing=String(this.missing>0),this.#t.revs.textContent=[...this.#e].
map(([t,n])=>`${t} ${Math.max(n.rev,0).toLocaleString()}`).join(" \xB7 ")}))}};var Se=class{#e=new AbortController;fetch;WebSocket;constructor(){let e=()=>this.#e.signal;this.fetch=(t,n={})=>fetch(t,{...n,signal:AbortSignal.any([e(),...n.signal?
[n.signal]:[]])}),this.WebSocket=class extends Ve{constructor(t,n){super(t,n,e())}}}get isCut(){return this.#e.signal.aborted}cut(){this.#e.abort(new TypeError(
"the network is cut"))}mend(){this.isCut&&(this.#e=new AbortController)}},Ve=class{onopen=null;onmessage=null;onclose=null;onerror=null;#e;constructor(e,t,n){let s=(c,l)=>c?.
call(this,l),i=()=>s(this.onclose,{code:1006,reason:"the network is cut"});if(n.aborted){queueMicrotask(i);return}let o=new WebSocket(e,t);this.#e=o;let a=()=>{
o.onopen=o.onmessage=o.onclose=o.onerror=null,o.close(),i()};n.addEventListener("abort",a,{once:!0}),o.onopen=c=>s(this.onopen,c),o.onmessage=c=>s(this.onmessage,
c),o.onerror=c=>s(this.onerror,c),o.onclose=c=>{n.removeEventListener("abort",a),s(this.onclose,c)}}get bufferedAmount(){return this.#e?.bufferedAmount??0}get protocol(){
return this.#e?.protocol??""}send(e){this.#e?.send(e)}close(e){this.#e?.close(e)}};var Ge=/[\ud800-\udfff]/;function y(r){if(!Ge.test(r))return r.length;let e=0;for(let t of r)e++;return e}function R(r,e,t=0){if(!Ge.test(r))return Math.min(t+e,
r.length);let n=t;for(;e>0&&n<r.length;e--)n+=r.codePointAt(n)>65535?2:1;return n}function Ee(r,e){return y(r.slice(0,e))}function p(r,e){if(e===0||e==="")return;
let t=r.at(-1);typeof e=="string"?typeof t=="string"?r[r.length-1]=t+e:wt(t)&&typeof r.at(-2)=="string"?r[r.length-2]+=e:wt(t)?r.splice(-1,0,e):r.push(e):typeof t==
"number"&&t>0==e>0?r[r.length-1]=t+e:r.push(e)}var wt=r=>typeof r=="number"&&r<0,Ye=r=>typeof r=="number"&&r>0;function N(r){return r.every(Ye)}function H(r,e){
let t=!Ge.test(r),n="",s=0;for(let i of e)if(typeof i=="string")n+=i;else{let o=t?s+Math.abs(i):R(r,Math.abs(i),s);i>0&&(n+=r.slice(s,o)),s=o}return n+r.slice(s)}
function Ce(r){let e=0,t=r[0],n=()=>t=r[++e];return{get insert(){return typeof t=="string"?t:void 0},get done(){return t===void 0},get kept(){return Ye(t)},get left(){
return t===void 0?1/0:typeof t=="string"?y(t):Math.abs(t)},skip:n,take(s){if(t===void 0)return s;if(typeof t=="string"){let o=R(t,s),a=t.slice(0,o);return t=t.slice(
o),t===""&&n(),a}let i=t>0?s:-s;return t-=i,t===0&&n(),i}}}function I(r,e){let t=[],[n,s]=[Ce(r),Ce(e)];for(;!n.done||!s.done;)if(n.left!==1/0&&!n.kept&&n.insert===
void 0)p(t,n.take(n.left));else if(s.insert!==void 0)p(t,s.insert),s.skip();else{let i=Math.min(n.left,s.left),o=s.done||s.kept,a=n.take(i);s.take(i),o?p(t,a):typeof a==
"number"&&p(t,-i)}return t}function Q(r,e){let[t,n]=[[],[]],[s,i]=[Ce(r),Ce(e)];for(;!s.done||!i.done;)if(s.insert!==void 0)p(t,s.insert),p(n,y(s.insert)),s.skip();else if(i.
insert!==void 0)p(t,y(i.insert)),p(n,i.insert),i.skip();else{let o=Math.min(s.left,i.left),[a,c]=[s.take(o),i.take(o)];a>0&&c>0?(p(t,o),p(n,o)):c>0?p(t,-o):a>0&&
p(n,-o)}return[t,n]}function Me(r,e){let t=0,n=0;for(let s of r)if(typeof s=="string"){if(t>=e)break;n+=y(s)}else{if(e<=t+Math.abs(s))return s>0?n+e-t:n;t+=Math.
abs(s),s>0&&(n+=s)}return n+e-t}function Xe(r,e){let t=[],n=0;for(let s of r)if(typeof s=="string")p(t,-y(s));else{let i=R(e,Math.abs(s),n);p(t,s>0?s:e.slice(n,
i)),n=i}return t}function kt(r){return r.reduce((e,[t,n,s])=>{let i=[];return p(i,t),p(i,s),p(i,-n),I(e,i)},[])}function xt(r){let e=[],t=0,n=null;for(let s of r){
if(Ye(s)){t+=s,n=null;continue}n||e.push(n=[t,0,""]),typeof s=="string"?(n[2]+=s,t+=y(s)):n[1]-=s}return e}function G(r,e){let t=Math.min(r.length,e.length),n=0;
for(;n<t&&r.charCodeAt(n)===e.charCodeAt(n);)n++;n>0&&En(r.charCodeAt(n-1))&&n--;let s=0;for(;s<t-n&&r.charCodeAt(r.length-1-s)===e.charCodeAt(e.length-1-s);)s++;
s>0&&Mn(r.charCodeAt(r.length-s))&&s--;let i=[];return p(i,Ee(r,n)),p(i,e.slice(n,e.length-s)),p(i,-y(r.slice(n,r.length-s))),i}var En=r=>r>=55296&&r<=56319,Mn=r=>r>=
56320&&r<=57343;var Ln=1e5,Le=class{#e;#n;#t;#s=new Map;#r="";#i=document.createElement("div");#o=!1;constructor(e,t,n){this.#e=e,this.#n=t,this.#t=n,this.#i.className="pad-mir\
ror",this.#i.setAttribute("aria-hidden","true"),e.parentElement?.append(this.#i),e.addEventListener("scroll",()=>this.#l()),new ResizeObserver(()=>this.#l()).observe(
e)}put(e,t,n){this.#r=n,t<0?this.#c(e):this.#a(e).at=t,this.#l()}edited(e,t,n){this.#r=n;for(let s of this.#s.values())s.at=Me(t,s.at);e&&(this.#a(e).at=An(t)),
this.#l()}keep(e){for(let t of this.#s.keys())e(t)||this.#c(t)}#a(e){let t=this.#s.get(e);if(!t){let{name:s}=this.#t(e),i=document.createElement("span");i.className=
"caret",i.style.setProperty("--hue",String(q(s))),i.dataset.name=s,this.#n.append(i),this.#s.set(e,t={at:0,element:i})}t.element.classList.remove("still"),clearTimeout(
t.timer);let{element:n}=t;return t.timer=setTimeout(()=>n.classList.add("still"),2500),t}#c(e){let t=this.#s.get(e);clearTimeout(t?.timer),t?.element.remove(),this.#s.
delete(e)}#l(){this.#o||this.#s.size===0||(this.#o=!0,requestAnimationFrame(()=>{this.#o=!1,this.#d()}))}#d(){let e=this.#r.length>Ln;if(this.#n.hidden=e,e)return;
this.#i.style.width=`${this.#e.clientWidth}px`,this.#i.textContent=`${this.#r.replaceAll("\r","\u240D")}\u200B`;let t=this.#i.getBoundingClientRect(),n=document.
createRange(),s=this.#i.firstChild;for(let{at:i,element:o}of this.#s.values()){let a=Math.min(R(this.#r,i),this.#r.length);n.setStart(s,a),n.setEnd(s,a+1);let c=[
...n.getClientRects()].at(this.#r[a]===`
`?0:-1)??t,l=c.top-t.top-this.#e.scrollTop;o.hidden=l<-4||l>this.#e.clientHeight-8,o.style.transform=`translate(${c.left-t.left}px, ${l}px)`,o.style.height=`${c.
height||20}px`}}};function An(r){let e=0,t=0;for(let n of r)typeof n=="string"?t=e+=y(n):n>0?e+=n:t=e;return t}var On=48e3,Tt=32,Ae=class{text="";#e="";#n=null;#t=null;get pending(){return this.#n!==null||this.#t!==null}get waiting(){return this.#n!==null}edit(e){N(e)||(this.
text=H(this.text,e),this.#t=this.#t?I(this.#t,e):e)}take(){if(this.#n||!this.#t)return null;let[e,t]=Pn(this.#t);return this.#t=N(t)?null:t,N(e)?null:(this.#n=e,
xt(e))}agreed(){this.#n&&(this.#e=H(this.#e,this.#n)),this.#n=null}refused(){this.#t=this.#n&&this.#t?I(this.#n,this.#t):this.#n??this.#t,this.#n=null}theirs(e){
this.#e=H(this.#e,e);let t=e;return this.#n&&([t,this.#n]=Q(t,this.#n)),this.#t&&([t,this.#t]=Q(t,this.#t)),this.text=H(this.text,t),t}restart(e){return this.theirs(
G(this.#e,e))}giveUp(){let e=G(this.text,this.#e);return this.text=this.#e,this.#n=this.#t=null,e}};function Pn(r){let e=[],t=[],n=On;for(let s of r){let i=n<=0;
if(typeof s=="string"){let o=i?"":Rn(s,n);j(e,o),j(t,y(o)),j(t,s.slice(o.length)),n=o===s?n-St(o)-Tt:0}else s>0?(j(e,s),j(t,s)):(j(e,i?-s:s),j(t,i?s:0),n-=Tt)}return[
e,t]}function j(r,e){e!==0&&e!==""&&r.push(e)}function Rn(r,e){let t=Math.min(r.length,e);for(;t>1&&St(r.slice(0,t))>e;)t=Math.floor(t*.8);return(r.codePointAt(
t-1)??0)>65535?r.slice(0,t+1):r.slice(0,t)}var Fn=new TextEncoder,St=r=>Fn.encode(JSON.stringify(r)).length;var Ct=500,$n=120,Nn=800,Hn=300,In=2e4,Oe=class{#e;#n;#t=d("#pad-text");#s=d("#pad-status");#r=d("#pad-size");#i;#o=new Ae;#a=0;#c="";#l=null;#d="";#h=null;#m=0;#u=!1;#p=[];#g=[];#k=0;#f=0;#y=0;constructor(e,t){
this.#e=e,this.#n=t,this.#i=new Le(this.#t,d("#carets"),n=>$(e,n)),this.#M(),e.updates.subscribe(n=>n.type==="state"?this.#T(n.state.text,n.rev):this.#O(n.event)),
e.messages.subscribe(({name:n,by:s,data:i})=>n==="caret"&&s&&this.#i.put(s,i?.at??-1,this.#o.text)),e.members.subscribe(({list:n})=>this.#i.keep(s=>n.has(s))),e.
status.subscribe(()=>{this.#b(),this.#R()})}get pending(){return this.#o.pending}#T(e,t){this.#l={text:e,rev:t,events:[]},this.#o.waiting||this.#S()}#O(e){let t=e.
mine&&JSON.stringify(e.data.patches)===this.#c;if(this.#l&&!t)return void this.#l.events.push(e);this.#l&&this.#S(),this.#a=e.rev;let n=kt(e.data.patches);if(t)
this.#o.agreed(),this.#c="";else{let s=this.#E(()=>this.#o.theirs(n));this.#L(s),this.#i.edited(e.by??"",s,this.#o.text)}this.#b(),this.#R()}#S(){if(!this.#l)return;
let{text:e,rev:t,events:n}=this.#l;this.#l=null,this.#a=t,this.#L(this.#E(()=>this.#o.restart(e)));for(let s of n)this.#O(s);this.#b(),this.#R()}#b(){if(this.#l||
B(this.#e.status.value)!=="live")return;let e=this.#o.take();if(!e)return;let t=this.#a,n=JSON.stringify(e);this.#c=n,this.#n.follow(this.#e.send("edit",{patches:e},
{expect:t,trace:this.#n.wantsTrace()})).then(()=>{this.#c===n&&(this.#o.agreed(),this.#c=""),this.#v(0)},s=>this.#C(s,t))}#C(e,t){if(this.#e.status.value.phase!==
"closed")switch(this.#c="",e instanceof w?e.code:e instanceof T?"unknown":""){case"conflict":return this.#o.refused(),this.#v(this.#a===t&&!this.#l?Ct:0);case"o\
verloaded":case"unavailable":case"rate_limited":case"internal":return this.#o.refused(),this.#v(Ct);case"forgotten":case"unknown":return this.#o.refused(),this.#v(
0);default:this.#E(()=>this.#o.giveUp()),this.#p=[],this.#g=[],this.#n.notify(`The pad refused the edit: ${e.message}`),this.#v(0)}}#v(e){if(this.#l)return this.#S();
e>0?setTimeout(()=>this.#b(),e):this.#b(),this.#R()}#E(e){let t=e();if(N(t))return t;this.#h=this.#h?I(this.#h,t):t;let n=this.#o.text.length<In?0:this.#o.text.
length/2e3;return n===0?this.#x():this.#m||=setTimeout(()=>this.#x(),n),t}#x(){if(clearTimeout(this.#m),this.#m=0,!this.#h||this.#u)return;let e=this.#t,[t,n,s]=[
this.#h,this.#d,this.#o.text],i=h=>R(s,Me(t,Ee(n,h))),[o,a,c,l]=[i(e.selectionStart),i(e.selectionEnd),e.selectionDirection,e.scrollTop];e.value=Ze(s),document.
activeElement===e&&e.setSelectionRange(o,a,c),e.scrollTop=l,this.#d=s,this.#h=null}#M(){let e=this.#t;e.addEventListener("input",t=>!t.isComposing&&this.#w()),e.
addEventListener("compositionstart",()=>this.#u=!0),e.addEventListener("compositionend",()=>{this.#u=!1,this.#w(),this.#x()}),e.addEventListener("keydown",t=>{if(!(t.
ctrlKey||t.metaKey)||t.altKey)return;let n=t.key.toLowerCase();(n==="z"||n==="y")&&(t.preventDefault(),this.#F(n==="y"||t.shiftKey))}),e.addEventListener("befor\
einput",t=>{t.inputType!=="historyUndo"&&t.inputType!=="historyRedo"||(t.preventDefault(),this.#F(t.inputType==="historyRedo"))}),document.addEventListener("sel\
ectionchange",()=>document.activeElement===e&&this.#$()),e.addEventListener("blur",()=>this.#e.signal("caret",null))}#w(){let e=this.#t;if(!jn(e.value)){let n=e.
selectionStart;e.value=e.value.toWellFormed(),e.setSelectionRange(n,n)}let t=G(Ze(this.#d),e.value);N(t)||(this.#d=H(this.#d,t),this.#h&&([this.#h,t]=Q(this.#h,
t)),this.#P(Xe(t,this.#o.text)),this.#g=[],this.#A(t))}#A(e){this.#o.edit(e),this.#i.edited("",e,this.#o.text),this.#b(),this.#R()}#P(e){let t=performance.now(),
n=t-this.#k<Nn&&this.#p.length>0;this.#k=t,n?this.#p.push(I(e,this.#p.pop()??[])):this.#p.push(e),this.#p.length>Hn&&this.#p.shift()}#F(e){if(this.#u)return;let t=(e?
this.#g:this.#p).pop();if(!t)return;this.#x(),(e?this.#p:this.#g).push(Xe(t,this.#o.text)),this.#k=0,this.#A(t),this.#d=this.#o.text,this.#t.value=Ze(this.#d);let n=R(
this.#o.text,Dn(t));this.#t.setSelectionRange(n,n)}#L(e){for(let t of[this.#p,this.#g]){let n=e;for(let s=t.length-1;s>=0;s--)[n,t[s]]=Q(n,t[s])}}#$(){clearTimeout(
this.#y);let e=this.#f+$n-performance.now();if(e>0)return void(this.#y=setTimeout(()=>this.#$(),e));this.#f=performance.now(),!this.#o.pending&&!this.#h&&this.#e.
signal("caret",{at:Ee(this.#o.text,this.#t.selectionEnd)})}#R(){let e=B(this.#e.status.value)!=="live",[t,n]=this.#o.pending?e?["kept","Kept here until you are \
back"]:["sending","Saving"]:["saved","Saved"];this.#s.dataset.state=t,this.#s.textContent!==n&&(this.#s.textContent=n);let s=y(this.#o.text);this.#r.textContent=
`${s.toLocaleString()} ${s===1?"character":"characters"}`}},Ze=r=>r.replaceAll("\r","\u240D"),jn=r=>r.isWellFormed?.()??!0;function Dn(r){let e=0,t=0;for(let n of r){
if(typeof n=="string")e+=y(n);else if(n>0){e+=n;continue}t=e}return t}var Wn=100,Et=2e3,_n=2e3,Un=3500,Bn=new Intl.DateTimeFormat(void 0,{hour:"2-digit",minute:"2-digit"}),Pe=class{#e;#n;#t;#s=d("#lines");#r=d("#chat-scroll");#i=d(
"#line-count");#o=d("#typing");#a=d("#newer");#c=d("#say-left");#l=d("#say");#d=d("#text");#h=d("#say button[name=send]");#m=new Map;#u=new Map;#p=0;#g=0;#k=null;#f=!0;constructor(e,t,n){
this.#e=e,this.#t=t,this.#n=n,this.#l.addEventListener("submit",s=>{s.preventDefault(),this.#C()}),this.#d.addEventListener("keydown",s=>{s.key!=="Enter"||s.shiftKey||
s.isComposing||(s.preventDefault(),this.#C())}),this.#d.addEventListener("input",()=>this.#x()),this.#a.addEventListener("click",()=>this.#L()),this.#r.addEventListener(
"scroll",()=>{this.#f=this.#F(),this.#f&&(this.#a.hidden=!0)}),new ResizeObserver(()=>this.#f&&this.#L()).observe(this.#r),e.updates.subscribe(s=>s.type==="stat\
e"?this.#y(s.state):this.#T(s.event)),e.messages.subscribe(({name:s,by:i})=>s==="typing"&&i&&this.#M(i))}#y(e){let t=[...this.#m.keys()];this.#s.setAttribute("a\
ria-busy","true"),this.#s.replaceChildren(),this.#k=null;for(let n of e.lines??[])this.#S(n,null);this.#s.append(...t),this.#s.removeAttribute("aria-busy"),this.#P(
e.count),this.#L()}#T({data:e,at:t,by:n,mine:s}){for(s&&this.#O(e.text),this.#S(e,t,this.#m.keys().next().value);this.#s.children.length>Wn+this.#m.size;)this.#s.
firstElementChild?.remove();this.#P(this.#g+1),n&&this.#w(n),this.#f||s?this.#L():this.#a.hidden=!1}#O(e){for(let[t,n]of this.#m)if(n===e)return this.#m.delete(
t),t.remove()}#S({who:e,text:t},n,s=null){let i=this.#b(e,t,n,e===this.#k);this.#k=e,this.#s.insertBefore(i,s)}#b(e,t,n,s){let i=document.createElement("li");i.
className="line",i.classList.toggle("own",e===this.#t.sub()),i.classList.toggle("again",s);let o=be({name:e}),a=document.createElement("span");a.className="line\
-who",a.textContent=e;let c=document.createElement("span");if(c.className="line-text",c.textContent=t,n){let l=document.createElement("time"),h=new Date(n);l.dateTime=
h.toISOString(),l.textContent=Bn.format(h),a.append(l),c.title=h.toLocaleString()}return i.append(o,a,c),i}#C(){let e=this.#d.value.trim().toWellFormed?.()??this.#d.
value.trim();!e||[...e].length>Et||(this.#d.value="",this.#x(),this.#p=0,this.#v(e))}#v(e){let t=this.#n.follow(this.#e.send("say",{text:e},{trace:this.#n.wantsTrace()})),
n=this.#b(this.#t.sub(),e,null,!1);n.classList.add("waiting"),this.#m.set(n,e),this.#s.append(n),this.#L(),t.then(()=>{this.#m.delete(n)&&n.remove()},s=>{this.#m.
delete(n),this.#E(n,e,s)})}#E(e,t,n){e.classList.replace("waiting","failed");let s=document.createElement("button");s.type="button",s.className="again-button",s.
textContent="Not sent. Try again",s.title=n.message,s.addEventListener("click",()=>{e.remove(),this.#v(t)}),e.append(s)}#x(){let e=Et-[...this.#d.value.trim()].
length;this.#c.textContent=e<200?String(e):"",this.#c.classList.toggle("over",e<0),this.#h.disabled=this.#d.value.trim()===""||e<0,this.#d.style.height="auto",this.#d.
style.height=`${Math.min(this.#d.scrollHeight,140)}px`;let t=Date.now();this.#d.value&&t-this.#p>_n&&(this.#p=t,this.#e.signal("typing",{}))}#M(e){clearTimeout(
this.#u.get(e)),this.#u.set(e,setTimeout(()=>this.#w(e),Un)),this.#A()}#w(e){clearTimeout(this.#u.get(e)),this.#u.delete(e)&&this.#A()}#A(){let e=[...this.#u.keys()].
map(n=>$(this.#e,n).name),t=e.length>2?`${e.length} people are`:e.length===2?`${e.join(" and ")} are`:e.length===1?`${e[0]} is`:"";this.#o.textContent=t&&`${t} \
typing`,this.#o.classList.toggle("on",t!=="")}#P(e){this.#g=e,this.#i.textContent=`${e.toLocaleString()} ${e===1?"line":"lines"}`}#F(){let e=this.#r;return e.scrollHeight-
e.scrollTop-e.clientHeight<60}#L(){this.#f=!0,this.#r.scrollTop=this.#r.scrollHeight,this.#a.hidden=!0}};var Re=class{#e=new BroadcastChannel("tutti.streams");constructor(e){this.#e.onmessage=e}take(){this.#e.postMessage("taken")}};var et=6e3,Ne=new URLSearchParams(location.search).get("room")||"lobby",L=new Se,He=await bt(L.fetch),Fe=new xe,M=new Te,Mt=0,F={follow(r){return M.follow(r).then(
({trace:e})=>e&&Fe.trace(e),()=>{}).finally($e),$e(),r},wantsTrace:()=>Fe.wantsTrace(),notify(r){let e=d("#notice");e.textContent=r,e.classList.add("on"),clearTimeout(
Mt),Mt=setTimeout(()=>e.classList.remove("on"),6e3)}},x=[];function Ie(r,e={}){let t=Qe(Ke(location.origin,r,Ne),{token:He.token,storage:sessionStorage,fetch:L.
fetch,WebSocket:L.WebSocket,backoff:{min:250,max:8e3},queue:{commands:2e4,bytes:8388608},pingEvery:1e4,...e});return M.watch(r,t),t.status.subscribe($e),x.push(
t),t}var it=Ie("board",{presence:!0,pingEvery:2e3}),At=Ie("room",{presence:!0}),Ot=Ie("pad",{presence:!0}),Pt=Ie("counter",{apply:{events:{added:(r,{by:e})=>({n:r.
n+e})}}});He.leaving=()=>Promise.all(x.map(r=>r.leave()));var qn=new ke(it,F);new Pe(At,He,F);var Rt=new Oe(Ot,F);new ve(At,He);document.addEventListener("theme",
()=>qn.recolor());it.latency.subscribe(r=>r&&(Fe.ping(r),$e()));Pt.state.subscribe(r=>d("#applause-count").textContent=(r?.n??0).toLocaleString());d("#applause").
addEventListener("click",r=>{F.follow(Pt.send("add",{by:1},{predict:({n:t})=>({n:t+1})})).catch(()=>{});let e=r.currentTarget;e.classList.remove("clap"),e.offsetWidth,
e.classList.add("clap")});var Ft={websocket:"WebSocket",sse:"SSE",longpoll:"Long poll"},tt=d("#cut"),Lt=0,nt=[...document.querySelectorAll("input[name=transport\
]")],ot=r=>r==="sse"||r==="longpoll";function st(r){sessionStorage.setItem("tutti.line",r),ot(r)&&Qn.take();let e=r in Ft?[r]:[];for(let t of x)t.use(...e)}var Qn=new Re(
()=>{if(nt.some(r=>r.checked&&ot(r.value))){for(let r of nt)r.checked=r.value==="auto";st("auto"),$t(()=>F.notify("Another tab of this browser has taken SSE or \
long polls: HTTP/1.1 has connections for one. This one went back to Auto."))}});function $t(r){document.visibilityState==="visible"?r():document.addEventListener(
"visibilitychange",()=>$t(r),{once:!0})}for(let r of nt)r.checked=r.value===(sessionStorage.getItem("tutti.line")??"auto"),r.checked&&r.value!=="auto"&&st(r.value),
r.addEventListener("change",()=>st(r.value));tt.addEventListener("click",async()=>{if(L.isCut)return;let r={events:M.events};L.cut(),Lt=Date.now()+et,tt.disabled=
!0;for(let s=et;s>0;s=Lt-Date.now())d("#cut-word").textContent=`Cut for ${Math.ceil(s/1e3)} s more`,await new Promise(i=>setTimeout(i,Math.min(s,250)));let e=M.
waiting;L.mend();for(let s of x)s.wake();tt.disabled=!1,d("#cut-word").textContent="Cut the network for 6 s",await Kn();let t=M.events-r.events,n=`${e.toLocaleString()}\
 ${e===1?"change":"changes"} of yours kept and stored`;F.notify(`Back after ${et/1e3} s: ${n}, ${t.toLocaleString()} ${t===1?"event":"events"} caught up, ${M.missing}\
 missing.`)});async function Kn(){for(;M.waiting>0||x.some(r=>B(r.status.value)!=="live");)await new Promise(r=>setTimeout(r,50))}var zn={live:"Live",recovering:"\
Recovering",connecting:"Connecting",away:"Away",ended:"Ended"},rt=!1;function $e(){rt||(rt=!0,requestAnimationFrame(Nt))}function Nt(){rt=!1;let r=mt.findLast(s=>x.
some(i=>B(i.status.value)===s))??"connecting",e=d("#link-state");e.dataset.state!==r&&(e.dataset.state=r,d("#link-word").textContent=zn[r],r==="away"&&Fe.away());
let t=(it.latency.value?.roundTrip??Number.NaN)/1e3;d("#link-ms").textContent=r==="live"?J(t):"",document.documentElement.dataset.link=r,M.away(r==="away"||r===
"ended",L.isCut);let n=[...new Set(x.map(s=>s.status.value.transport))].map(s=>s?Ft[s]:"\u2013");d("#over").textContent=r==="live"?`over ${n.join(", ")}`:"",Jn(
r)}function Jn(r){let e=r==="away"||r==="ended"||r==="recovering";if(d("#banner").hidden=!e,!e)return;let t=M.waiting+(Rt.pending&&Ot.unanswered===0?1:0),n=t>0?
`${t.toLocaleString()} ${t===1?"change is":"changes are"} kept and will be sent.`:"What you do now is kept and will be sent.",[s,i]=d("#banner-text").parentElement?
[d("#banner-text"),d("#banner-button")]:[];if(!(!s||!i)){if(r==="ended"){let o=x.find(c=>c.status.value.phase==="closed")?.status.value.error,a=o instanceof k&&
o.code==="replaced";s.textContent=a?"This tab was opened somewhere else.":`The connection has ended: ${o?.message??"it was closed"}.`,i.textContent="Come back"}else if(r===
"recovering")s.textContent=`The entity is moving to another node. ${n}`;else if(L.isCut)s.textContent=`The network is cut. ${n}`;else{let o=Math.max(...x.map(l=>l.
status.value.retryAt??0)),a=Math.max(0,Math.ceil((o-Date.now())/1e3)),c=x.some(l=>ot(l.status.value.transport??""))?"Other tabs of this browser may hold its con\
nections. ":"";s.textContent=`Connection lost. ${a>0?`Trying again in ${a} s.`:"Trying again."} ${c}${n}`,i.textContent="Try now"}i.hidden=r==="recovering"||L.isCut}}
function Ht(){for(let r of x)r.wake()}d("#banner-button").addEventListener("click",()=>{x.some(r=>r.status.value.phase==="closed")&&location.reload(),Ht()});setInterval(
Nt,1e3);addEventListener("beforeunload",r=>{(Rt.pending||M.waiting>0)&&r.preventDefault()});d("#place").textContent=Ne;document.title=`${Ne} \xB7 Tutti`;d("#sha\
re").addEventListener("click",async()=>{let r=new URL(location.href);r.searchParams.set("room",Ne);try{await navigator.clipboard.writeText(r.href),F.notify("Lin\
k copied. Whoever opens it is here too.")}catch{F.notify(r.href)}});var It=document.querySelectorAll(".tabs button");function at(r){document.body.dataset.panel=
r;for(let e of It)e.setAttribute("aria-pressed",String(e.dataset.panel===r))}for(let r of It)r.addEventListener("click",()=>at(r.dataset.panel??"board"));at("bo\
ard");d("#link-state").addEventListener("click",()=>{at("hops"),Ht()});
